import type { MiddlewareHandler } from 'hono';
import type { Env } from '#shared/config/env.ts';
import { isHttps } from './session-cookie.ts';

/** A page may load and do nothing unless its route permits it. */
export const NOTHING = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** Browsers keep the rule that this host uses HTTPS for a year. */
const HTTPS_ONLY = 'max-age=31536000';

/** Headers of every response that restrict what browsers do with it. A route can set a policy of its own. */
export function securityHeaders(env: Env): MiddlewareHandler {
  return async (c, next) => {
    await next();
    const { headers } = c.res;
    headers.set('x-content-type-options', 'nosniff');
    headers.set('x-frame-options', 'DENY');
    headers.set('referrer-policy', 'same-origin');
    headers.set('cross-origin-resource-policy', 'same-origin');
    if (isHttps(c, env)) headers.set('strict-transport-security', HTTPS_ONLY);
    const isPage = headers.get('content-type')?.startsWith('text/html') === true;
    if (isPage && !headers.has('content-security-policy')) headers.set('content-security-policy', NOTHING);
    if (!headers.has('cache-control')) headers.set('cache-control', 'no-store');
  };
}
