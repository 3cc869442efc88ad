import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import { within } from '#shared/signals/promises.ts';
import { SLUICE_VERSION } from '#shared/config/version.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import {
  type HttpReply,
  MAX_EVENT_BYTES,
  readEvent,
  shortErrorBody,
  writeError,
  writeEvent,
} from '#shared/events/http.ts';
import { isInspection } from '#shared/events/inspection.ts';
import type { GdalHealth } from '#shared/gdal/health.ts';
import type { Logger } from '#shared/log/log.ts';
import { readAtMost } from '#shared/streams/read-at-most.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { ignoreError } from '#shared/streams/file-streams.ts';
import { isTraceparent } from '#shared/tracing/tracing.ts';
import type { FunctionMetrics } from './function-metrics.ts';
import { type FunctionCaller, SETTINGS_HEADER } from './function-caller.ts';

/** An HTTP server for functions. */
export interface FunctionServer {
  /** 0 for a server on a Unix socket. */
  port: number;
  /** Rejects new calls, waits `graceMs` for running ones, then aborts them; they respond with 503. */
  close(graceMs: number): Promise<void>;
}

export interface FunctionServerOptions {
  /** The function of a request path; undefined if there is none. A process of one function ignores the path. */
  functionAt: (path: string) => string | undefined;
  caller: FunctionCaller;
  listenOn: { port: number; address: string } | { socket: string };
  /** Rejects when a port of the function does not respond. */
  ready: () => Promise<void>;
  /** The response of `/health/gdal`, for a function that uses GDAL. */
  gdalHealth?: () => Promise<GdalHealth>;
  /** The response of `/metrics`, for a process of one function. */
  metrics?: FunctionMetrics;
  log: Logger;
}

/**
 * After the abort, handlers stop their programs and release their claims, which takes milliseconds. It is longer than
 * the time after which work that ignores its signal is abandoned, so that its claim is released, too.
 */
const ABORT_MS = 8_000;
/** Shorter than the timeouts of readiness probes. */
const READY_TIMEOUT_MS = 3_000;
export const GDAL_HEALTH_PATH = '/health/gdal';
export const VERSION_PATH = '/health/version';
const NO_REPLY: HttpReply = { status: 200, headers: {}, body: '' };
const VERSION_REPLY: HttpReply = {
  status: 200,
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ version: SLUICE_VERSION }),
};

/**
 * Serves functions. `POST` accepts a CloudEvent in binary or structured mode and responds with the reply in binary
 * mode (200; empty when there is no reply), 422 for a permanent error, 503 for a transient one, and 409 when the step
 * is busy. A Knative broker gets at most 768 bytes of an error. `/_/health` and `/_/ready` are the probes of the
 * OpenFaaS watchdog. `/health/gdal` responds with GdalHealth, `/health/version` with `{"version"}`, and `/metrics` with
 * the metrics of a process of one function.
 */
export async function serveFunctions(options: FunctionServerOptions): Promise<FunctionServer> {
  const stopping = new AbortController();
  const running = new Set<Promise<void>>();
  const server = createServer((request, response) => {
    // An error that is not handled would end the process.
    const call = answer(options, request, response, stopping.signal).catch((thrown: unknown) => {
      options.log.error({ error: asSluiceError(thrown).toDocument() }, 'Function:Request:Failed');
      response.destroy();
    });
    running.add(call);
    void call.finally(() => running.delete(call));
  }).on('error', ignoreError); // `listen` rejects with the error of the port.
  await listen(server, options.listenOn);
  return {
    port: 'socket' in options.listenOn ? 0 : (server.address() as AddressInfo).port,
    close: async (graceMs) => {
      const closed = new Promise((done) => server.close(done));
      server.closeIdleConnections();
      await within(Promise.allSettled(running), graceMs);
      stopping.abort();
      await within(Promise.allSettled(running), ABORT_MS);
      server.closeAllConnections();
      await closed;
    },
  };
}

async function answer(
  options: FunctionServerOptions,
  request: IncomingMessage,
  response: ServerResponse,
  stopping: AbortSignal,
): Promise<void> {
  const [path = '/'] = (request.url ?? '/').split('?', 1); // Not `new URL`, which throws for `//`.
  if (path === '/_/health') return send(response, { ...NO_REPLY, body: 'OK' });
  if (path === '/_/ready') return send(response, await readiness(options));
  if (path === GDAL_HEALTH_PATH && options.gdalHealth !== undefined)
    return send(response, gdalReply(await options.gdalHealth()));
  if (path === VERSION_PATH) return send(response, VERSION_REPLY);
  if (path === '/metrics' && options.metrics !== undefined) return send(response, await options.metrics.reply());
  if (request.method !== 'POST') return send(response, { status: 405, headers: { allow: 'POST' }, body: '' });
  const name = options.functionAt(path);
  if (name === undefined)
    return send(response, writeError(new SluiceError('FUNCTION_NOT_FOUND', `Function ${path} does not exist.`)));
  const started = performance.now();
  const reply = await call(options, name, request, { stopping, disconnected: signalOfClose(response) });
  const seconds = Number(((performance.now() - started) / 1000).toFixed(6));
  options.metrics?.observe(reply.status, seconds);
  options.log.info(
    {
      function: name,
      status: reply.status,
      seconds,
      call_id: request.headers['x-call-id'],
      reply: reply.headers['ce-type'],
    },
    'Function:Call:Done',
  );
  send(response, { ...reply, headers: { ...reply.headers, 'x-duration-seconds': String(seconds) } });
}

async function call(
  { caller, listenOn, log }: FunctionServerOptions,
  name: string,
  request: IncomingMessage,
  { stopping, disconnected }: { stopping: AbortSignal; disconnected: AbortSignal },
): Promise<HttpReply> {
  try {
    const event = readEvent(request.headers, await readBody(request));
    const { 'x-call-id': callId, traceparent } = request.headers;
    const settings = 'socket' in listenOn ? settingsOf(request) : undefined;
    // A disconnected caller does not abort a step: brokers disconnect after minutes and deliver again, and the second
    // delivery returns the recorded reply. An inspection records nothing, so that its reply would be lost.
    using limits = new JoinedSignal(isInspection(event) ? [stopping, disconnected] : [stopping]);
    const reply = await caller.invoke(name, event, {
      signal: limits.signal,
      ...(typeof callId === 'string' ? { callId } : {}),
      ...(isTraceparent(traceparent) ? { traceparent } : {}),
      ...(settings === undefined ? {} : { settings }),
    });
    return reply === undefined ? NO_REPLY : writeEvent(reply);
  } catch (thrown) {
    const error = asSluiceError(thrown);
    log.warn({ function: name, error: error.toDocument() }, 'Function:Call:Failed');
    const reply = writeError(error);
    return isFromBroker(request) ? { ...reply, body: shortErrorBody(error.toDocument()) } : reply;
  }
}

/** Aborts when the connection of a response is closed. */
function signalOfClose(response: ServerResponse): AbortSignal {
  const closed = new AbortController();
  response.once('close', () => closed.abort());
  return closed.signal;
}

/** The settings in the header of the gateway, which alone can open the socket. */
function settingsOf({ headers }: IncomingMessage): Record<string, string> | undefined {
  const header = headers[SETTINGS_HEADER];
  return typeof header === 'string' ? (JSON.parse(decodeURIComponent(header)) as Record<string, string>) : undefined;
}

/** Knative's dispatcher sends this header with every event. */
function isFromBroker({ headers }: IncomingMessage): boolean {
  return headers.prefer === 'reply';
}

async function readBody(request: IncomingMessage): Promise<Buffer> {
  const tooLarge = () => new SluiceError('EVENT_INVALID', `The event is larger than ${MAX_EVENT_BYTES} bytes.`);
  try {
    return await readAtMost(request.iterator({ destroyOnReturn: false }), MAX_EVENT_BYTES, tooLarge);
  } catch (thrown) {
    request.resume(); // Reads and drops the rest: a client that is still sending would not read the response.
    throw thrown;
  }
}

async function readiness({ ready }: FunctionServerOptions): Promise<HttpReply> {
  const timeout = new SluiceError(
    'FUNCTION_UNAVAILABLE',
    `The servers that the function uses did not respond within ${READY_TIMEOUT_MS / 1000} s.`,
  );
  const late = new Promise<never>((_resolve, reject) => setTimeout(() => reject(timeout), READY_TIMEOUT_MS).unref());
  return Promise.race([ready(), late]).then(
    () => ({ ...NO_REPLY, body: 'OK' }),
    (thrown: unknown) => ({ ...writeError(asSluiceError(thrown)), status: 503 }),
  );
}

function gdalReply(health: GdalHealth): HttpReply {
  return {
    status: health.status === 'ok' ? 200 : 503,
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(health),
  };
}

function send(response: ServerResponse, reply: HttpReply): void {
  response.writeHead(reply.status, { ...reply.headers, 'content-length': String(Buffer.byteLength(reply.body)) });
  response.end(reply.body);
}

function listen(server: Server, listenOn: FunctionServerOptions['listenOn']): Promise<void> {
  return new Promise((resolve, reject) => {
    const address = 'socket' in listenOn ? `the socket ${listenOn.socket}` : `port ${listenOn.port}`;
    server.once('error', (cause) =>
      reject(
        new SluiceError('SETUP_FAILED', `The function could not listen on ${address}: ${reasonOf(cause)}.`, { cause }),
      ),
    );
    if ('socket' in listenOn) server.listen(listenOn.socket, () => resolve());
    else server.listen(listenOn.port, listenOn.address, () => resolve());
  });
}
