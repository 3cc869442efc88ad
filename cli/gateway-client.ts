import { stat } from 'node:fs/promises';
import { type IncomingMessage, request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import type { RunView } from '#shared/api/views.ts';
import type { Env } from '#shared/config/env.ts';
import { ERROR_CODES, type ErrorCodeName } from '#shared/errors/codes.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { readFileStream } from '#shared/streams/file-streams.ts';
import { trimEndOf } from '#shared/text/truncate.ts';

/** A start takes seconds; the first start on a slow machine takes half a minute. */
const START_TIMEOUT_MS = 60_000;
/** Uploads of other clients can take long. */
const BUSY_TIMEOUT_MS = 10 * 60_000;
const POLL_MS = 500;

/** The credentials of the command line. */
export type Login = Pick<Env, 'SLUICE_TOKEN' | 'SLUICE_USER' | 'SLUICE_PASSWORD'>;

/** The token, else user and password. Empty without either. Throws CONFIG_INVALID for a user without a password. */
export function loginHeader({ SLUICE_TOKEN, SLUICE_USER, SLUICE_PASSWORD }: Login): Record<string, string> {
  if (SLUICE_TOKEN !== undefined) return { authorization: `Bearer ${SLUICE_TOKEN}` };
  if (SLUICE_USER === undefined && SLUICE_PASSWORD === undefined) return {};
  if (SLUICE_USER === undefined || SLUICE_PASSWORD === undefined)
    throw new SluiceError('CONFIG_INVALID', 'SLUICE_USER and SLUICE_PASSWORD must be set together.');
  return { authorization: `Basic ${Buffer.from(`${SLUICE_USER}:${SLUICE_PASSWORD}`).toString('base64')}` };
}

/**
 * The HTTP client of the gateway. Every method throws the error that the gateway returns, or SLUICE_UNREACHABLE when it
 * does not respond. While Sluice is starting, all methods except `open` wait for at most a minute, and call
 * `onStarting` once.
 */
export class GatewayClient {
  readonly baseUrl: string;
  /** Undefined after the first call. */
  #onStarting: (() => void) | undefined;

  /** The header of every request. */
  readonly #login: Record<string, string>;

  constructor(baseUrl: string, { login, onStarting }: { login?: Login; onStarting?: () => void } = {}) {
    this.baseUrl = trimEndOf(baseUrl, '/');
    this.#login = login === undefined ? {} : loginHeader(login);
    this.#onStarting = onStarting;
  }

  async get<T>(path: string, signal: AbortSignal): Promise<T> {
    const response = await this.#whenReady(() => this.open(path, signal), signal);
    return (await response.json()) as T;
  }

  /** Sends a change with the name of its operator, and returns the response. */
  async change<T>(
    method: 'POST' | 'PUT' | 'DELETE',
    path: string,
    { operator, body, signal }: { operator: string; body?: unknown; signal: AbortSignal },
  ): Promise<T> {
    const headers = {
      'x-operator': encodeURIComponent(operator),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    };
    const init = { method, headers, signal, body: body === undefined ? null : JSON.stringify(body) };
    const response = await this.#whenReady(() => this.#request(path, init), signal);
    return (await response.json()) as T;
  }

  /** Returns a response with an unread body. Does not wait for a start, because readers of streams reconnect anyway. */
  open(path: string, signal: AbortSignal): Promise<Response> {
    return this.#request(path, { signal });
  }

  /** Repeats a request while Sluice is starting or serves too many uploads. The gateway executes no such request. */
  async #whenReady<T>(send: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const begun = Date.now();
    for (;;) {
      let code: string | undefined;
      try {
        return await send();
      } catch (thrown) {
        code = thrown instanceof SluiceError ? thrown.code : undefined;
        const timeout = { SLUICE_STARTING: START_TIMEOUT_MS, TOO_MANY_TRANSFERS: BUSY_TIMEOUT_MS }[code ?? ''];
        if (timeout === undefined || Date.now() - begun > timeout) throw thrown;
      }
      if (code === 'SLUICE_STARTING') {
        this.#onStarting?.();
        this.#onStarting = undefined;
      }
      await setTimeout(POLL_MS, undefined, { signal });
    }
  }

  async #request(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      const headers = { ...(init.headers as Record<string, string> | undefined), ...this.#login };
      response = await fetch(`${this.baseUrl}${path}`, { ...init, headers });
    } catch (thrown) {
      init.signal?.throwIfAborted();
      throw this.#unreachable(thrown);
    }
    if (!response.ok) throw errorOf(response.status, await response.json().catch(() => undefined), this.baseUrl);
    return response;
  }

  /** Streams a file to the landing zone. `onSent` receives the number of bytes that were sent. */
  async uploadFile(
    key: string,
    path: string,
    { signal, onSent }: { signal: AbortSignal; onSent: (bytes: number) => void },
  ): Promise<void> {
    const { size } = await stat(path);
    await this.#whenReady(() => {
      // A file that grows during the upload must not exceed its Content-Length.
      const file = readFileStream(path, size > 0 ? { end: size - 1 } : {});
      let sent = 0;
      file.on('data', (chunk) => onSent((sent += chunk.length)));
      return this.#put(key, file, size, signal);
    }, signal);
  }

  /** Uploads a small text to the landing zone. */
  async uploadText(key: string, text: string, signal: AbortSignal): Promise<void> {
    const body = Buffer.from(text);
    await this.#whenReady(() => this.#put(key, Readable.from([body]), body.length, signal), signal);
  }

  async #put(key: string, body: Readable, size: number, signal: AbortSignal): Promise<void> {
    const url = new URL(`${this.baseUrl}/api/landing/${key.split('/').map(encodeURIComponent).join('/')}`);
    const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
      method: 'PUT',
      headers: { 'content-length': size, ...this.#login },
      signal,
    });
    const responded = new Promise<IncomingMessage>((resolve, reject) =>
      request.on('response', resolve).on('error', reject),
    );
    // The gateway can reject an upload while it is sent. Its response is the error to report, not the broken pipe.
    const sent = pipeline(body, request).catch(() => undefined);
    let response: IncomingMessage;
    try {
      response = await responded;
    } catch (thrown) {
      signal.throwIfAborted();
      throw this.#unreachable(thrown);
    }
    const document: unknown = await json(response).catch(() => undefined);
    if (response.statusCode !== 201) {
      request.destroy(); // The rest of the file is not sent.
      throw errorOf(response.statusCode ?? 0, document, this.baseUrl);
    }
    await sent;
  }

  #unreachable(cause: unknown): SluiceError {
    return new SluiceError('SLUICE_UNREACHABLE', `Could not connect to Sluice at ${this.baseUrl}.`, {
      cause,
      details: { url: this.baseUrl, reason: reasonOf(cause) },
    });
  }
}

/** The error of fetch is only "fetch failed"; its cause has the reason. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
  return (cause as { code?: string }).code ?? asSluiceError(cause).message;
}

function errorOf(status: number, body: unknown, url: string): SluiceError {
  const { code, message, details } =
    (body as { error?: { code?: string; message?: string; details?: Record<string, unknown> } } | undefined)?.error ??
    {};
  // Every error of Sluice has a code, so "not found" without a code comes from another server.
  if (code === undefined && status === 404)
    return new SluiceError('SLUICE_UNREACHABLE', `The server at ${url} is not Sluice. Check SLUICE_URL.`, {
      details: { url, http_status: status },
    });
  if (code === undefined || !isCode(code))
    return new SluiceError(
      status >= 500 ? 'FUNCTION_UNAVAILABLE' : 'REQUEST_INVALID',
      message ?? `The gateway returned HTTP status ${status}.`,
      { details: { http_status: status } },
    );
  return new SluiceError(code, message ?? ERROR_CODES[code].meaning, { details: details ?? {} });
}

function isCode(code: string): code is ErrorCodeName {
  return Object.hasOwn(ERROR_CODES, code);
}

/** A restart of the gateway takes seconds. The run continues even when following ends. */
const GIVE_UP_MS = 60_000;
const RECONNECT_MS = 500;

/**
 * Yields each state of a run until the run has ended. Opens a lost connection again: each event contains the complete
 * state, so no state is missing. Throws SLUICE_UNREACHABLE when the gateway does not respond for a minute.
 */
export async function* followRun(client: GatewayClient, path: string, signal: AbortSignal): AsyncGenerator<RunView> {
  let unreachableSince: number | undefined;
  for (;;) {
    try {
      const response = await client.open(path, signal);
      unreachableSince = undefined;
      let status: RunView['status'] = 'running';
      for await (const { event, data } of serverEvents(response.body as ReadableStream<Uint8Array>)) {
        if (event !== 'run') continue;
        const view = JSON.parse(data) as RunView;
        status = view.status;
        yield view;
      }
      if (status !== 'running') return;
    } catch (thrown) {
      signal.throwIfAborted();
      const error = isLostConnection(thrown)
        ? new SluiceError('SLUICE_UNREACHABLE', 'The connection to Sluice was lost.', { cause: thrown })
        : asSluiceError(thrown);
      unreachableSince ??= Date.now();
      if (!error.retryable || Date.now() - unreachableSince > GIVE_UP_MS) throw error;
    }
    await setTimeout(RECONNECT_MS, undefined, { signal });
  }
}

/** The events of a `text/event-stream` body. */
export function serverEvents(body: ReadableStream<Uint8Array>): AsyncIterable<{ event?: string; data: string }> {
  return body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .pipeThrough(new EventSourceParserStream());
}

/** fetch throws a TypeError ("terminated") when the connection is lost while the body is read. */
function isLostConnection(thrown: unknown): boolean {
  return thrown instanceof TypeError;
}
