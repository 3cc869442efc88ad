import { type Context, Hono } from 'hono';
import { deleteCookie, getCookie, setCookie } from 'hono/cookie';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { CALLBACK_PATH, OpenIdProvider, PENDING_MS, type PendingLogin } from '../../access/oidc.ts';
import { signText, verifyText } from '../../access/sessions.ts';
import type { GatewayDeps } from '../deps.ts';
import { clientAddress } from '../http/client.ts';
import { nextPage } from '../http/next-page.ts';
import { isHttps, setSessionCookie } from '../http/session-cookie.ts';
import { NOTHING } from '../http/security-headers.ts';
import { forwardPage } from './login-page.ts';

/** The cookie of a login in progress. The page of the provider leads back from another site. */
const COOKIE = 'sluice_login';
const COOKIE_PATH = '/login/oidc';
const PURPOSE = 'oidc';

/**
 * The login with an OpenID provider, if OIDC_ISSUER is set.
 *
 * GET /login/oidc?next redirects to the provider. GET /login/oidc/callback is the redirect URI: it sets the session
 * cookie, and opens `next`. Errors are shown by `showError`.
 */
export function openIdRoutes(
  { env, access, log }: Pick<GatewayDeps, 'env' | 'access' | 'log'>,
  showError: (c: Context, error: unknown) => Response | Promise<Response>,
): Hono {
  const provider = new OpenIdProvider(env, () => access.now());
  const fail = (c: Context, thrown: unknown) => {
    const reason = thrown instanceof Error ? `${thrown.message} ${messageOf(thrown.cause)}`.trim() : String(thrown);
    access.logProviderFailure(clientAddress(c, env), reason);
    return showError(c, thrown);
  };
  return new Hono()
    .get('/login/oidc', async (c) => {
      try {
        const succeed = access.beginProviderLogin(clientAddress(c, env));
        const { url, pending } = await provider.begin(nextPage(c.req.query('next')));
        succeed();
        setCookie(c, COOKIE, signText(JSON.stringify(pending), access.key, PURPOSE), {
          httpOnly: true,
          sameSite: 'Lax',
          secure: isHttps(c, env),
          path: COOKIE_PATH,
          maxAge: PENDING_MS / 1000,
        });
        return c.redirect(url.href, 303);
      } catch (thrown) {
        return fail(c, thrown);
      }
    })
    .get(CALLBACK_PATH, async (c) => {
      const signed = getCookie(c, COOKIE);
      deleteCookie(c, COOKIE, { path: COOKIE_PATH });
      try {
        const text = signed === undefined ? undefined : verifyText(signed, access.key, PURPOSE);
        if (text === undefined)
          throw new SluiceError(
            'UNAUTHORIZED',
            'This browser has not started a login, or the login has expired. Log in again.',
          );
        const pending = JSON.parse(text) as PendingLogin;
        const user = await provider.finish(new URL(c.req.url).search, pending);
        setSessionCookie(c, env, access.startSession(user), access.sessionTimes.maxMs / 1000);
        log.info({ user: user.name, role: user.role, subject: user.subject }, 'Session:Start:Done');
        return c.html(forwardPage(pending.next), 200, { 'content-security-policy': NOTHING });
      } catch (thrown) {
        return fail(c, thrown);
      }
    });
}

/** openid-client keeps the reason in the cause. */
function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : '';
}
