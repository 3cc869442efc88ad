import { isIP } from 'node:net';
import type { Context } from 'hono';
import { type Env, isLoopbackOnly, publicUrl } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isSameSecret } from '../../access/tokens.ts';

/**
 * Checks of every request. The gateway rejects requests that a web page of another site sends through the user's
 * browser: with the cookie of a session, or on loopback without a login, directly or with a host name that resolves to
 * 127.0.0.1 (DNS rebinding).
 */

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface RequestFacts {
  method: string;
  /** URL path of the request. */
  path: string;
  host: string | undefined;
  origin: string | undefined;
  /** The header `Sec-Fetch-Site`. Browsers set it, and pages cannot change it. */
  fetchSite: string | undefined;
}

export function factsOf(c: Context): RequestFacts {
  return {
    method: c.req.method,
    path: c.req.path,
    host: c.req.header('host') ?? new URL(c.req.url).host,
    origin: c.req.header('origin'),
    fetchSite: c.req.header('sec-fetch-site'),
  };
}

/** The settings that a check needs. */
export type GatewayAddress = Pick<Env, 'HOST' | 'PORT' | 'PUBLIC_URL'>;

/** Rejects a request from a page of another site. Throws ORIGIN_FORBIDDEN. */
export function rejectCrossSite(request: RequestFacts, env: GatewayAddress): void {
  if (isLoopbackOnly(env) && !isOwnHost(request.host, env)) {
    const header = request.host === undefined ? 'Missing Host header' : `Unrecognized Host header "${request.host}"`;
    throw new SluiceError('ORIGIN_FORBIDDEN', `${header}. Set PUBLIC_URL to the address that users open.`, {
      details: { host: request.host ?? null },
    });
  }
  if (isReadOnly(request)) return;
  const crossSite =
    request.origin === undefined
      ? isCrossSiteFetch(request.fetchSite)
      : !isOwnOrigin(request.origin, request.host, env);
  if (crossSite) {
    throw new SluiceError(
      'ORIGIN_FORBIDDEN',
      `Rejected ${request.method} ${request.path} from a page of ${request.origin ?? 'another site'}. ` +
        'If this is the address that users open, set PUBLIC_URL to it.',
      { details: { origin: request.origin ?? null } },
    );
  }
}

/**
 * Requires that a request with a session cookie that changes something comes from a page of the gateway.
 * rejectCrossSite has checked the origin of requests that name one. Throws ORIGIN_FORBIDDEN.
 */
export function requireSameOrigin(request: RequestFacts): void {
  if (isReadOnly(request) || request.origin !== undefined || request.fetchSite === 'same-origin') return;
  throw new SluiceError(
    'ORIGIN_FORBIDDEN',
    `Rejected ${request.method} ${request.path} with a session cookie, but without the header Origin. ` +
      'Programs use a token or a password.',
  );
}

/**
 * Rejects a request that a proxy on this machine forwards to a gateway without login: others can reach the proxy.
 * Throws ORIGIN_FORBIDDEN.
 */
export function rejectForwarded(headers: Headers): void {
  const header = [...headers.keys()].find((name) => /^(?:x-forwarded-.*|forwarded|via)$/.test(name));
  if (header === undefined) return;
  throw new SluiceError(
    'ORIGIN_FORBIDDEN',
    `Rejected a request of a proxy (header ${header}), because the gateway has no login. Add a user with ` +
      '`npx sluice users add NAME --role admin`, and set PUBLIC_URL to the address that users open.',
    { details: { header } },
  );
}

/** Rejects invalid percent-encoding and NUL, which PostgreSQL cannot store. Throws REQUEST_INVALID. */
export function rejectInvalidEncoding(url: URL): void {
  for (const [part, text] of [
    ['path', url.pathname],
    ['query', url.search],
  ] as const) {
    if (decode(text, part).includes('\0'))
      throw new SluiceError('REQUEST_INVALID', `The ${part} ${text} contains a NUL character.`, {
        details: { [part]: text },
      });
  }
}

function decode(text: string, part: string): string {
  try {
    return decodeURIComponent(text);
  } catch (cause) {
    throw new SluiceError('REQUEST_INVALID', `The ${part} ${text} is not valid percent-encoding; write % as %25.`, {
      cause,
      details: { [part]: text },
    });
  }
}

/** /function/NAME accepts every method, and /api/reconcile can read the whole lake, so a GET can start work there. */
function isReadOnly({ method, path }: RequestFacts): boolean {
  return SAFE_METHODS.has(method) && !path.startsWith('/function/') && path !== '/api/reconcile';
}

function isCrossSiteFetch(site: string | undefined): boolean {
  return site === 'cross-site' || site === 'same-site';
}

function isOwnOrigin(origin: string, host: string | undefined, env: GatewayAddress): boolean {
  return (
    origin === new URL(publicUrl(env)).origin ||
    (host !== undefined && URL.canParse(origin) && new URL(origin).host === host)
  );
}

/**
 * Whether no page of the internet can use the host name: an IP address, a single label, a reserved domain (RFC 6761,
 * .internal), or the host of PUBLIC_URL.
 */
function isOwnHost(host: string | undefined, env: GatewayAddress): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false;
  const { hostname } = new URL(`http://${host}`);
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 || !hostname.includes('.')) return true;
  return /\.(localhost|internal)$/.test(hostname) || hostname === new URL(publicUrl(env)).hostname;
}

/**
 * Checks `Authorization: Bearer WEBHOOK_TOKEN` on a route for programs. Throws UNAUTHORIZED, even if WEBHOOK_TOKEN is
 * not set.
 */
export function checkToken(header: string | undefined, token: string | undefined, route: string): void {
  if (token === undefined)
    throw new SluiceError(
      'UNAUTHORIZED',
      `${route} is disabled, because WEBHOOK_TOKEN of the gateway is not set. Set it, restart the gateway, and send ` +
        'the same token.',
    );
  const sentToken = /^Bearer (.*)$/i.exec(header ?? '')?.[1]?.trim() ?? '';
  if (!isSameSecret(sentToken, token))
    throw new SluiceError('UNAUTHORIZED', `The bearer token for ${route} is missing or does not match WEBHOOK_TOKEN.`);
}
