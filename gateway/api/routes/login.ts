import { type Context, Hono } from 'hono';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from '../deps.ts';
import { clientAddress } from '../http/client.ts';
import { statusOf } from '../http/error-response.ts';
import { principalOf } from '../http/principal.ts';
import { factsOf, requireSameOrigin } from '../http/request-checks.ts';
import { noQuery, readBody } from '../http/request-fields.ts';
import { nextPage, START } from '../http/next-page.ts';
import { readSessionCookie, setSessionCookie } from '../http/session-cookie.ts';
import { openIdRoutes } from './login-oidc.ts';
import { LOGIN_STYLE, loginPage } from './login-page.ts';

/** The form has three short fields. */
const MAX_FORM_BYTES = 16 * 2 ** 10;
const LOGIN_POLICY =
  "default-src 'none'; style-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/**
 * The login of the page.
 *
 * GET /login?next returns the form. POST /login (`name`, `password`, `next`) sets the session cookie and redirects to
 * `next`. Wrong credentials are 401, too many failures 429, both with the form.
 * POST /logout ends the session at all gateways, and redirects to the form.
 * GET /api/session returns `{"login":boolean,"user":NAME|null,"role":ROLE}`: whether a login is required, and who the
 * user is. Without a login, everyone has the role admin.
 */
export function loginRoutes({ env, access, log }: Pick<GatewayDeps, 'env' | 'access' | 'log'>): Hono {
  const hasProvider = env.OIDC_ISSUER !== undefined;
  const form = (c: Context, page: { next: string; name?: string; error?: string }, status = 200) =>
    c.html(loginPage({ ...page, hasProvider }), status as 200, { 'content-security-policy': LOGIN_POLICY });
  const showError = (c: Context, thrown: unknown) => {
    const error = asSluiceError(thrown);
    return form(c, { next: START, error: error.message }, statusOf(error));
  };
  const app = hasProvider ? openIdRoutes({ env, access, log }, showError) : new Hono();
  return app
    .get('/login', (c) => {
      const next = nextPage(c.req.query('next'));
      return access.isActive ? form(c, { next }) : c.redirect(next, 303);
    })
    .get('/login/style.css', (c) => c.body(LOGIN_STYLE, 200, { 'content-type': 'text/css; charset=utf-8' }))
    .post('/login', noQuery, async (c) => {
      const fields = new URLSearchParams((await readBody(c.req.raw, MAX_FORM_BYTES)).toString('utf8'));
      const [name, next] = [fields.get('name')?.trim() ?? '', nextPage(fields.get('next') ?? undefined)];
      try {
        const session = await access.logIn(name, fields.get('password') ?? '', clientAddress(c, env));
        setSessionCookie(c, env, session, access.sessionTimes.maxMs / 1000);
        return c.redirect(next, 303);
      } catch (thrown) {
        const error = asSluiceError(thrown);
        if (!LOGIN_ERRORS.has(error.code)) throw error;
        if (error.retryAfterSeconds !== undefined) c.header('retry-after', String(error.retryAfterSeconds));
        return form(c, { next, name, error: error.message }, statusOf(error));
      }
    })
    .post('/logout', noQuery, async (c) => {
      const cookie = readSessionCookie(c, env);
      if (cookie !== undefined) requireSameOrigin(factsOf(c));
      await access.logOut(cookie);
      setSessionCookie(c, env, '', 0);
      return c.redirect('/login', 303);
    })
    .get('/api/session', noQuery, (c) => {
      const user = principalOf(c);
      return c.json({ login: access.isActive, user: user?.name ?? null, role: user?.role ?? 'admin' });
    });
}

const LOGIN_ERRORS: ReadonlySet<SluiceError['code']> = new Set(['UNAUTHORIZED', 'TOO_MANY_ATTEMPTS']);
