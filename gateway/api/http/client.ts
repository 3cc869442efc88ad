import type { IncomingMessage } from 'node:http';
import { isIP } from 'node:net';
import type { Context } from 'hono';
import type { Env } from '#shared/config/env.ts';

/** The client of a request, behind the proxies that the gateway trusts. */

type ProxyEnv = Pick<Env, 'TRUSTED_PROXIES'>;

/** IP address of the client, for limits and the log. Each trusted proxy appends one entry to X-Forwarded-For. */
export function clientAddress(c: Context, { TRUSTED_PROXIES }: ProxyEnv): string {
  const { incoming } = (c.env ?? {}) as { incoming?: IncomingMessage };
  const socket = incoming?.socket?.remoteAddress ?? 'unknown';
  if (TRUSTED_PROXIES === 0) return socket;
  const forwarded = entries(c.req.header('x-forwarded-for'));
  return ipOf(forwarded.at(-TRUSTED_PROXIES) ?? forwarded[0] ?? '') ?? socket;
}

/** The protocol of the browser, as the first trusted proxy saw it. Undefined without such a proxy. */
export function forwardedProtocol(c: Context, { TRUSTED_PROXIES }: ProxyEnv): string | undefined {
  if (TRUSTED_PROXIES === 0) return undefined;
  const protocols = entries(c.req.header('x-forwarded-proto'));
  return protocols.at(-TRUSTED_PROXIES) ?? protocols[0];
}

/** The address of an entry without its port, which changes with each connection: `192.0.2.1:80`, `[2001:db8::1]:80`. */
function ipOf(entry: string): string | undefined {
  const [, bracketed, plain] = /^(?:\[([^\]]*)\](?::\d+)?|([\d.]+):\d+)$/.exec(entry) ?? [];
  const address = bracketed ?? plain ?? entry;
  return isIP(address) === 0 ? undefined : address;
}

function entries(header: string | undefined): string[] {
  return (header ?? '')
    .split(',')
    .map((entry) => entry.trim())
    .filter(Boolean);
}
