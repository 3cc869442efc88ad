import type { Context } from 'hono';
import { getCookie, setCookie } from 'hono/cookie';
import type { Env } from '#shared/config/env.ts';
import { forwardedProtocol } from './client.ts';

/**
 * The cookie of the page, which scripts cannot read. With Lax, browsers send it also when a link of another site opens
 * a page. requireSameOrigin rejects other requests of other sites.
 */
const NAME = 'sluice_session';

type CookieEnv = Pick<Env, 'PUBLIC_URL' | 'TRUSTED_PROXIES'>;

/** Whether the browser uses HTTPS: directly to a proxy before the gateway. */
export function isHttps(c: Context, env: CookieEnv): boolean {
  const protocol = forwardedProtocol(c, env) ?? (env.PUBLIC_URL ?? '').split(':')[0];
  return protocol === 'https';
}

/** With HTTPS, the prefix `__Host-` prevents that another host of the domain sets the cookie. */
export function readSessionCookie(c: Context, env: CookieEnv): string | undefined {
  return isHttps(c, env) ? getCookie(c, NAME, 'host') : getCookie(c, NAME);
}

/** Sets the cookie until `maxSeconds` have passed; 0 deletes it. */
export function setSessionCookie(c: Context, env: CookieEnv, value: string, maxSeconds: number): void {
  const secure = isHttps(c, env);
  const prefix = secure ? { prefix: 'host' as const } : {};
  setCookie(c, NAME, value, { httpOnly: true, sameSite: 'Lax', path: '/', secure, maxAge: maxSeconds, ...prefix });
}
