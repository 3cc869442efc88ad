import type { Context, MiddlewareHandler } from 'hono';
import { matchedRoutes } from 'hono/route';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type Access, hasBearer } from '../../access/access.ts';
import { accessOf, hasRole, type Role, type RouteAccess } from '../../access/route-roles.ts';
import { clientAddress } from './client.ts';
import { errorResponse, statusOf } from './error-response.ts';
import { setAccessCheck, setPrincipal } from './principal.ts';
import { checkToken, factsOf, rejectForwarded, requireSameOrigin } from './request-checks.ts';
import { readSessionCookie, setSessionCookie } from './session-cookie.ts';

/** The operator of a request with WEBHOOK_TOKEN. */
const PROGRAM = 'webhook-token';

/** Errors that end a long response. Others, such as a database that does not respond, can be temporary. */
const ENDED: ReadonlySet<SluiceError['code']> = new Set(['UNAUTHORIZED', 'FORBIDDEN']);

/** Routes whose errors faas-cli prints, as text. */
const SYSTEM = /^\/system(?:\/|$)/;

/**
 * Requires the role of the route, if access control is active. Browsers that open a page without a session are sent to
 * the login page. Throws UNAUTHORIZED, FORBIDDEN, TOO_MANY_ATTEMPTS, ORIGIN_FORBIDDEN.
 */
export function requireAccess({ env, access }: { env: Env; access: Access }): MiddlewareHandler {
  return async (c, next) => {
    const required = accessOf(matchedRoutes(c));
    if (required === 'public' || required === 'webhook') return next();
    if (!access.isActive) {
      rejectForwarded(c.req.raw.headers);
      return next();
    }
    let renewed: string | undefined;
    try {
      renewed = await authorize(c, required, { env, access });
    } catch (thrown) {
      const response = refusal(c, thrown);
      if (response === undefined) throw thrown;
      return response;
    }
    setAccessCheck(c, () =>
      authorize(c, required, { env, access }).then(
        () => true,
        (thrown: unknown) => !(thrown instanceof SluiceError && ENDED.has(thrown.code)),
      ),
    );
    await next();
    if (renewed !== undefined) setSessionCookie(c, env, renewed, access.sessionTimes.maxMs / 1000);
  };
}

/** Requires WEBHOOK_TOKEN, and limits wrong tokens. Throws UNAUTHORIZED, TOO_MANY_ATTEMPTS. */
export function requireProgram(c: Context, { env, access }: { env: Env; access: Access }): void {
  const authorization = c.req.header('authorization');
  try {
    checkToken(authorization, env.WEBHOOK_TOKEN, c.req.path);
  } catch (thrown) {
    if (authorization !== undefined) access.countWrongToken(clientAddress(c, env));
    throw thrown;
  }
}

async function authorize(
  c: Context,
  required: Exclude<RouteAccess, 'public' | 'webhook'>,
  { env, access }: { env: Env; access: Access },
): Promise<string | undefined> {
  const authorization = c.req.header('authorization');
  if (required === 'events') return void requireProgram(c, { env, access });
  if (required === 'metrics' && hasBearer(authorization, env.METRICS_TOKEN)) return undefined;
  if (required === 'calls' && hasBearer(authorization, env.WEBHOOK_TOKEN)) {
    setPrincipal(c, { name: PROGRAM, role: 'operator', by: 'token' });
    return undefined;
  }
  const cookie = readSessionCookie(c, env);
  const credentials = { authorization, cookie, address: clientAddress(c, env) };
  const { principal, renewed } = await access.authenticate(credentials);
  const role: Role = required === 'calls' ? 'operator' : required === 'metrics' ? 'viewer' : required;
  if (!hasRole(principal.role, role))
    throw new SluiceError(
      'FORBIDDEN',
      `${c.req.method} ${c.req.path} requires the role ${role}, but ${principal.name} has the role ${principal.role}.`,
      { details: { user: principal.name, role: principal.role, required_role: role } },
    );
  if (principal.by === 'session') requireSameOrigin(factsOf(c));
  setPrincipal(c, principal);
  return renewed;
}

/** The response to a request without access, if it is not the JSON document of all errors. */
function refusal(c: Context, thrown: unknown): Response | undefined {
  if (!(thrown instanceof SluiceError)) return undefined;
  const isLoginMissing = thrown.code === 'UNAUTHORIZED';
  if (SYSTEM.test(c.req.path)) {
    if (isLoginMissing) return c.text('invalid credentials', 401, { 'www-authenticate': 'Basic realm="Restricted"' });
    const wait = thrown.retryAfterSeconds;
    return c.text(thrown.message, statusOf(thrown) as 403, wait === undefined ? {} : { 'retry-after': String(wait) });
  }
  if (!isLoginMissing) return undefined;
  const { pathname, search } = new URL(c.req.url);
  const isPage = c.req.method === 'GET' && c.req.header('sec-fetch-mode') !== 'cors';
  if (isPage && c.req.header('accept')?.includes('text/html') && c.req.header('authorization') === undefined)
    return c.redirect(`/login?${new URLSearchParams({ next: pathname + search })}`, 303);
  // `Basic` would open the login dialog of the browser over the page.
  const response = errorResponse(thrown);
  response.headers.set('www-authenticate', 'Bearer realm="Sluice"');
  return response;
}
