import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Readable } from 'node:stream';
import { json } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { setTimeout } from 'node:timers/promises';
import { ERROR_CODES, type ErrorCodeName } from '#shared/errors/codes.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';

/** A start takes seconds, the first one of a slow machine half a minute. */
const START_TIMEOUT_MS = 60_000;
const TRY_AGAIN_MS = 500;

/**
 * The gateway over HTTP. Every method throws SLUICE_UNREACHABLE when it does not answer, else the error that it answered. While Sluice
 * is starting, all but `open` wait, for a minute at most; `onStarting` hears that once.
 */
export class GatewayClient {
  readonly baseUrl: string;
  /** Gone when it was told. */
  #onStarting: (() => void) | undefined;

  constructor(baseUrl: string, onStarting?: () => void) {
    this.baseUrl = baseUrl.replace(/\/+$/, '');
    this.#onStarting = onStarting;
  }

  async get<T>(path: string, signal: AbortSignal): Promise<T> {
    const response = await this.#whenReady(() => this.open(path, signal), signal);
    return (await response.json()) as T;
  }

  /** Does something in the name of an operator, and answers what came of it. */
  async act<T>(
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

  /** A response whose body is still to be read. Does not wait for a start: whoever reads a stream connects again anyway. */
  open(path: string, signal: AbortSignal): Promise<Response> {
    return this.#request(path, { signal });
  }

  /** Nothing of a request that comes during the start is done, so it can be sent again. */
  async #whenReady<T>(send: () => Promise<T>, signal: AbortSignal): Promise<T> {
    const giveUpAt = Date.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        return await send();
      } catch (thrown) {
        if (!(thrown instanceof SluiceError) || thrown.code !== 'SLUICE_STARTING' || Date.now() > giveUpAt)
          throw thrown;
      }
      this.#onStarting?.();
      this.#onStarting = undefined;
      await setTimeout(TRY_AGAIN_MS, undefined, { signal });
    }
  }

  async #request(path: string, init: RequestInit): Promise<Response> {
    let response: Response;
    try {
      response = await fetch(`${this.baseUrl}${path}`, init);
    } catch (thrown) {
      init.signal?.throwIfAborted();
      throw this.#unreachable(thrown);
    }
    if (!response.ok) throw errorOf(response.status, await response.json().catch(() => undefined));
    return response;
  }

  /** Uploads a file to the landing zone without holding it in memory. `onSent` hears how many of its bytes have gone out. */
  async uploadFile(
    key: string,
    path: string,
    { signal, onSent }: { signal: AbortSignal; onSent: (bytes: number) => void },
  ): Promise<void> {
    const { size } = await stat(path);
    await this.#whenReady(() => {
      const file = createReadStream(path, size > 0 ? { end: size - 1 } : {}); // A file that grows meanwhile keeps to its Content-Length.
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
      headers: { 'content-length': size },
      signal,
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) =>
      request.on('response', resolve).on('error', reject),
    );
    // An upload that is refused breaks off while it is sent: what the gateway said counts, not the broken pipe.
    const sent = pipeline(body, request).catch(() => undefined);
    let response: IncomingMessage;
    try {
      response = await answered;
    } catch (thrown) {
      signal.throwIfAborted();
      throw this.#unreachable(thrown);
    }
    const said: unknown = await json(response).catch(() => undefined);
    if (response.statusCode !== 201) throw errorOf(response.statusCode ?? 0, said);
    await sent;
  }

  #unreachable(cause: unknown): SluiceError {
    return new SluiceError('SLUICE_UNREACHABLE', `Sluice does not answer at ${this.baseUrl}.`, {
      cause,
      details: { url: this.baseUrl, reason: reasonOf(cause) },
    });
  }
}

/** fetch says only "fetch failed"; why stands in the cause. */
function reasonOf(thrown: unknown): string {
  const cause = thrown instanceof Error ? (thrown.cause ?? thrown) : thrown;
  return (cause as { code?: string }).code ?? asSluiceError(cause).message;
}

function errorOf(status: number, body: unknown): SluiceError {
  const { code, message, details } =
    (body as { error?: { code?: string; message?: string; details?: Record<string, unknown> } } | undefined)?.error ??
    {};
  // Every answer of Sluice carries a code: whatever answers without one, with a "not found", is another server.
  if (code === undefined && status === 404)
    return new SluiceError('SLUICE_UNREACHABLE', 'What answers there is not Sluice. Check SLUICE_URL.', {
      details: { http_status: status },
    });
  if (code === undefined || !isCode(code))
    return new SluiceError(
      status >= 500 ? 'FUNCTION_UNAVAILABLE' : 'REQUEST_INVALID',
      message ?? `The gateway answered HTTP ${status}.`,
      { details: { http_status: status } },
    );
  return new SluiceError(code, message ?? ERROR_CODES[code].meaning, { details: details ?? {} });
}

function isCode(code: string): code is ErrorCodeName {
  return Object.hasOwn(ERROR_CODES, code);
}
