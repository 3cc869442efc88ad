import { isIP } from 'node:net';
import { type Env, isLoopbackOnly, publicUrl } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/**
 * The gateway has no login on loopback, so a web page that a person visits must not reach it through the person's browser:
 * neither by requests across sites, nor by a host name of its own that it points at 127.0.0.1 (DNS rebinding).
 */

const SAFE_METHODS = new Set(['GET', 'HEAD', 'OPTIONS']);

export interface RequestFacts {
  method: string;
  /** URL path of the request. */
  path: string;
  host: string | undefined;
  origin: string | undefined;
  /** Header `Sec-Fetch-Site`, which browsers set and pages cannot. */
  fetchSite: string | undefined;
}

/** Throws ORIGIN_FORBIDDEN for a request that another site made through a browser. */
export function refuseForeign(request: RequestFacts, env: Env): void {
  if (isLoopbackOnly(env) && !isOwnHost(request.host, env)) {
    throw new SluiceError(
      'ORIGIN_FORBIDDEN',
      `This gateway is not called ${request.host ?? '(no Host header)'}. Set PUBLIC_URL to the address that users type.`,
      { details: { host: request.host ?? null } },
    );
  }
  if (changesNothing(request)) return;
  const foreign =
    request.origin === undefined ? isForeignFetch(request.fetchSite) : !isOwnOrigin(request.origin, request.host, env);
  if (foreign) {
    throw new SluiceError(
      'ORIGIN_FORBIDDEN',
      `A page of ${request.origin ?? 'another site'} may not send ${request.method} ${request.path}.`,
      { details: { origin: request.origin ?? null } },
    );
  }
}

/** Functions take any method, so a plain GET can start work there. */
function changesNothing({ method, path }: RequestFacts): boolean {
  return SAFE_METHODS.has(method) && !path.startsWith('/function/');
}

function isForeignFetch(site: string | undefined): boolean {
  return site === 'cross-site' || site === 'same-site';
}

function isOwnOrigin(origin: string, host: string | undefined, env: Env): boolean {
  return (
    origin === new URL(publicUrl(env)).origin ||
    (host !== undefined && URL.canParse(origin) && new URL(origin).host === host)
  );
}

/** True for names that no page on the internet can own: addresses, single labels, reserved domains (RFC 6761, .internal), and our own. */
function isOwnHost(host: string | undefined, env: Env): boolean {
  if (host === undefined || !URL.canParse(`http://${host}`)) return false;
  const { hostname } = new URL(`http://${host}`);
  if (isIP(hostname.replace(/^\[|\]$/g, '')) !== 0 || !hostname.includes('.')) return true;
  return /\.(localhost|internal)$/.test(hostname) || hostname === new URL(publicUrl(env)).hostname;
}
