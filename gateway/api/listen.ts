import { once } from 'node:events';
import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { createAdaptorServer, type HttpBindings } from '@hono/node-server';
import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { ignoreError } from '#shared/streams/file-streams.ts';
import { errorResponse } from './http/error-response.ts';

/** How long closing waits for running requests. A progress stream does not end before. */
const DRAIN_MS = 1_000;
/** How long the error message waits for the name of the program that uses the port. */
const PROBE_MS = 1_000;

/** `bindings` have the request of Node.js, from which the gateway reads the address of the client. */
type Answer = (request: Request, bindings: HttpBindings) => Response | Promise<Response>;

/** The open port of the gateway. It is opened before everything else, so that a port in use is reported immediately. */
export interface Listener {
  port: number;
  /** Sets the handler of requests. Before, requests get 503 SLUICE_STARTING. */
  answerWith(fetch: Answer): void;
  /** Can be called again; it then waits for the first call. */
  close(): Promise<void>;
}

/** Listens on HOST and PORT. Throws SETUP_FAILED. */
export async function listen(env: Pick<Env, 'HOST' | 'PORT'>): Promise<Listener> {
  let answer: Answer = () =>
    errorResponse(new SluiceError('SLUICE_STARTING', 'Sluice is starting.', { retryAfterSeconds: 1 }));
  const server = createAdaptorServer({
    fetch: (request, bindings) => answer(request, bindings as HttpBindings),
    hostname: env.HOST,
  }) as Server;
  closeStalledConnections(server);
  server.on('error', ignoreError); // `once` below rejects with the error of `listen`.
  server.listen(env.PORT, env.HOST);
  try {
    await once(server, 'listening');
  } catch (thrown) {
    throw await listenError(thrown, { host: env.HOST, port: env.PORT, variable: 'PORT' });
  }
  let closed: Promise<void> | undefined;
  return {
    port: (server.address() as AddressInfo).port,
    answerWith: (fetch) => {
      answer = fetch;
    },
    close: () => (closed ??= closeServer(server, DRAIN_MS)),
  };
}

/** The error of a server that cannot listen: names the port, the program that uses it, and the variable to change. */
export async function listenError(
  thrown: unknown,
  { host, port, variable }: { host: string; port: number; variable: string },
): Promise<SluiceError> {
  const failed = (message: string) =>
    new SluiceError('SETUP_FAILED', message, { cause: thrown, details: { host, port, variable } });
  const example = `for example: ${variable}=${port + 1} npm start`;
  switch ((thrown as NodeJS.ErrnoException).code) {
    case 'EADDRINUSE': {
      const user = (await isSluice(host, port)) ? 'another Sluice' : 'another program';
      return failed(`Port ${port} is in use by ${user}. Stop it, or set ${variable} to another port, ${example}`);
    }
    case 'EACCES':
      return failed(`No permission to listen on port ${port}. Set ${variable} to another port, ${example}`);
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return failed(`HOST=${host} is not an address of this machine.`);
    default:
      return failed(`Could not listen on ${host}:${port}: ${reasonOf(thrown)}.`);
  }
}

/** A gateway is recognized by its health, an embedded object store by its response to a request without signature. */
async function isSluice(host: string, port: number): Promise<boolean> {
  const address = host === '0.0.0.0' || host === '::' ? '127.0.0.1' : host;
  const read = async (path: string) => {
    const response = await fetch(`http://${address}:${port}${path}`, { signal: AbortSignal.timeout(PROBE_MS) });
    return response.text();
  };
  try {
    return (
      /"checks":\{"ledger"|SLUICE_STARTING/.test(await read('/healthz')) || (await read('/')).includes('SLUICE_HOME')
    );
  } catch {
    return false; // The program does not use HTTP.
  }
}

/** Stops accepting connections, waits `drainMs` for running requests, and then closes their connections. */
export async function closeServer(server: Server, drainMs: number): Promise<void> {
  const closed = once(server, 'close');
  server.close();
  server.closeIdleConnections();
  const timer = setTimeout(() => server.closeAllConnections(), drainMs);
  await closed;
  clearTimeout(timer);
}

/**
 * Time after which an idle connection is closed. With Node's default of 5 s, clients reused connections that were being
 * closed, and got no response: an upload from a stream cannot be repeated.
 */
const KEEP_ALIVE_MS = 60_000;
/** A client that sends or reads nothing for this time, although the server waits for it, is disconnected. */
export const STALL_MS = 60_000;

interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
}

/**
 * Disconnects clients that make no progress for `stallMs`: an upload of which no byte arrives, or a download of which
 * no byte is read. The duration of a request is not limited. A connection is kept while the server itself is busy.
 * With `keepSlowReaders`, downloads are not disconnected: a client that forwards them can have a slow reader itself.
 */
export function closeStalledConnections(
  server: Server,
  { stallMs = STALL_MS, keepSlowReaders = false }: { stallMs?: number; keepSlowReaders?: boolean } = {},
): void {
  const exchanges = new WeakMap<Socket, Exchange>();
  server.requestTimeout = 0; // The default limits the duration of an upload to five minutes.
  server.keepAliveTimeout = KEEP_ALIVE_MS;
  server.timeout = stallMs; // Time without a transferred byte. The timer also ends idle kept-alive connections.
  server.on('request', (request, response) => exchanges.set(request.socket, { request, response }));
  server.on('timeout', (socket: Socket) => {
    const exchange = exchanges.get(socket);
    const isUnused = exchange === undefined || (exchange.response.writableFinished && exchange.request.complete);
    const isStalled =
      exchange !== undefined && (waitsForUpload(exchange) || (!keepSlowReaders && waitsForReader(socket)));
    if (isUnused || isStalled) socket.destroy();
    else socket.setTimeout(stallMs); // A timer ends with its first event.
  });
}

/** Everything that has arrived was read, and more must arrive. */
function waitsForUpload({ request }: Exchange): boolean {
  return !request.complete && request.readableLength === 0;
}

function waitsForReader(socket: Socket): boolean {
  return socket.writableLength > 0;
}
