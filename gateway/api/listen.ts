import { once } from 'node:events';
import type { Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createAdaptorServer } from '@hono/node-server';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from '#shared/text/reason.ts';
import { errorResponse } from './http/error-response.ts';

/** Time that requests under way have when the gateway stops; a progress stream would never end. */
const DRAIN_MS = 1_000;
/** Who has a port is asked for the message only, so not for long. */
const PROBE_MS = 1_000;

/** The gateway's address, taken before anything else is started, so that a taken port is known at once. */
export interface Listener {
  port: number;
  /** What answers from now on; until then requests get 503 SLUICE_STARTING. */
  answerWith(fetch: (request: Request) => Response | Promise<Response>): void;
  /** A second call waits for the first. */
  close(): Promise<void>;
}

/** Listens on HOST and PORT. Throws SETUP_FAILED that says what to do when the port is taken. */
export async function listen(env: Pick<Env, 'HOST' | 'PORT'>): Promise<Listener> {
  let answer: (request: Request) => Response | Promise<Response> = () =>
    errorResponse(new SluiceError('SLUICE_STARTING', 'Sluice is still starting.', { retryAfterSeconds: 1 }));
  const server = createAdaptorServer({ fetch: (request) => answer(request), hostname: env.HOST }) as Server;
  server.listen(env.PORT, env.HOST);
  try {
    await once(server, 'listening');
  } catch (thrown) {
    throw await explainListening(thrown, { host: env.HOST, port: env.PORT, variable: 'PORT' });
  }
  let closed: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    answerWith: (fetch) => {
      answer = fetch;
    },
    close: () => (closed ??= closeServer(server)),
  };
}

async function closeServer(server: Server): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const late = setTimeout(() => server.closeAllConnections(), DRAIN_MS);
  await closed;
  clearTimeout(late);
}

/** The error of a server that cannot listen, as one that names the port, who has it if that is a Sluice, and the variable to change. */
export async function explainListening(
  thrown: unknown,
  { host, port, variable }: { host: string; port: number; variable: string },
): Promise<SluiceError> {
  const { code } = thrown as NodeJS.ErrnoException;
  const other = `set ${variable} to another one, such as ${variable}=${port + 1} npm start`;
  const details = { host, port, variable };
  if (code === 'EADDRINUSE') {
    const owner = (await isSluice(host, port)) ? 'another Sluice' : 'another program';
    return new SluiceError('SETUP_FAILED', `Port ${port} is taken by ${owner}. Stop it, or ${other}.`, {
      cause: thrown,
      details,
    });
  }
  if (code === 'EACCES')
    return new SluiceError('SETUP_FAILED', `This user may not listen on port ${port}; ${other}.`, {
      cause: thrown,
      details,
    });
  if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND')
    return new SluiceError('SETUP_FAILED', `HOST=${host} is no address of this machine.`, { cause: thrown, details });
  return new SluiceError('SETUP_FAILED', `Sluice cannot listen on ${host}:${port}: ${reasonOf(thrown)}.`, {
    cause: thrown,
    details,
  });
}

/** Asks whoever listens there: a gateway says its health, an embedded store names s3rver as the owner of its buckets. */
async function isSluice(host: string, port: number): Promise<boolean> {
  const address = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const said = async (path: string) => {
    const reply = await fetch(`http://${address}:${port}${path}`, { signal: AbortSignal.timeout(PROBE_MS) });
    return reply.text();
  };
  try {
    return /"checks":\{"ledger"|SLUICE_STARTING/.test(await said('/healthz')) || (await said('/')).includes('S3rver');
  } catch {
    return false; // It speaks no HTTP.
  }
}
