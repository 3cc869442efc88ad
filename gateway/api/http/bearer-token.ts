import { createHash, timingSafeEqual } from 'node:crypto';
import type { MiddlewareHandler } from 'hono';
import { type Env, isReachableFromNetwork } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/**
 * Checks `Authorization: Bearer WEBHOOK_TOKEN` on a route for programs. Throws UNAUTHORIZED, also if WEBHOOK_TOKEN is
 * not set.
 */
export function checkToken(header: string | undefined, token: string | undefined, route: string): void {
  if (token === undefined)
    throw new SluiceError('UNAUTHORIZED', `${route} is disabled because WEBHOOK_TOKEN is not set.`);
  const sentToken = /^Bearer (.*)$/i.exec(header ?? '')?.[1]?.trim() ?? '';
  // timingSafeEqual needs equal lengths, and hashes do not reveal the length of the token.
  const hash = (text: string) => createHash('sha256').update(text).digest();
  if (!timingSafeEqual(hash(sentToken), hash(token)))
    throw new SluiceError('UNAUTHORIZED', `The bearer token for ${route} is missing or does not match WEBHOOK_TOKEN.`);
}

/**
 * Requires the token for routes that publish events or call functions, if other machines can reach the gateway. Users
 * do not need these routes.
 */
export function requireTokenBeyondLoopback(env: Env): MiddlewareHandler {
  const isRequired = isReachableFromNetwork(env);
  return async (c, next) => {
    if (isRequired) checkToken(c.req.header('authorization'), env.WEBHOOK_TOKEN, c.req.path);
    await next();
  };
}
