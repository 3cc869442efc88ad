import { Agent as HttpAgent, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { exchange, KEEP_ALIVE_MS } from '#shared/events/exchange.ts';
import { type HttpReply, readEvent, writeEvent, readError } from '#shared/events/http.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { encodeSettings, type FunctionCaller, type InvokeOptions, SETTINGS_HEADER } from './function-caller.ts';

/** The URL of each function, from FUNCTION_URL: `{name}` is replaced by the name of the function. */
export function functionUrls(template: string): (name: string) => string {
  return (name) => template.replaceAll('{name}', encodeURIComponent(name));
}

/** The errors of a request over a connection that its server has closed. A write to a closed Unix socket is EPIPE. */
const CLOSED_CODES: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE']);

/**
 * Calls functions over HTTP: posts the event in binary mode to the URL of the function. The only time limit is the
 * signal of the caller.
 */
export class HttpFunctionCaller implements FunctionCaller {
  #urlOf: (name: string) => string | undefined;
  #socketPath: string | undefined;
  #http = new HttpAgent({ keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS });
  #https = new HttpsAgent({ keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS });

  /**
   * `urlOf` returns the URL of a function; undefined when there is no function of this name. With `socketPath`, the
   * calls go to that Unix socket, and only the path of the URL is used.
   */
  constructor(urlOf: (name: string) => string | undefined, socketPath?: string) {
    this.#urlOf = urlOf;
    this.#socketPath = socketPath;
  }

  async invoke(name: string, event: SluiceEvent, options: InvokeOptions): Promise<SluiceEvent | undefined> {
    const url = this.#urlOf(name);
    if (url === undefined)
      throw new SluiceError('FUNCTION_NOT_FOUND', `Function ${JSON.stringify(name)} does not exist.`);
    const { headers, body } = writeEvent(event);
    const message = {
      headers: {
        ...headers,
        ...(options.callId === undefined ? {} : { 'x-call-id': options.callId }),
        ...(options.traceparent === undefined ? {} : { traceparent: options.traceparent }),
        // A server on a port ignores them, because any client can send a header.
        ...(options.settings === undefined || this.#socketPath === undefined
          ? {}
          : { [SETTINGS_HEADER]: encodeSettings(options.settings) }),
      },
      body,
    };
    const reply = await this.#post(name, url, message, options.signal);
    if (reply.status < 200 || reply.status > 299)
      throw readError(name, reply.status, reply.headers['retry-after'], reply.body);
    return reply.body === '' && reply.headers['ce-id'] === undefined ? undefined : readReply(name, reply);
  }

  /** Closes the idle connections to the functions. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  async #post(
    name: string,
    url: string,
    message: Pick<HttpReply, 'headers' | 'body'>,
    signal: AbortSignal,
    isRetry = false,
  ): Promise<HttpReply> {
    const secure = new URL(url).protocol === 'https:';
    const options = {
      method: 'POST',
      headers: { ...message.headers, 'content-length': String(Buffer.byteLength(message.body)) },
      signal,
      ...(this.#socketPath === undefined ? {} : { socketPath: this.#socketPath }),
    };
    const request = secure
      ? httpsRequest(url, { ...options, agent: this.#https })
      : httpRequest(url, { ...options, agent: this.#http });
    try {
      return await exchange(request, message.body);
    } catch (cause) {
      // The function closed the kept-alive connection before this request reached it, so a second attempt is safe.
      const isStaleSocket = request.reusedSocket && CLOSED_CODES.has((cause as NodeJS.ErrnoException).code);
      if (isStaleSocket && !isRetry && !signal.aborted) return this.#post(name, url, message, signal, true);
      const reason = signal.aborted ? 'the call was aborted' : reasonOf(cause);
      throw new SluiceError('FUNCTION_UNAVAILABLE', `Could not call function ${name} at ${url}: ${reason}.`, {
        cause,
        details: { function: name, url },
      });
    }
  }
}

function readReply(name: string, reply: HttpReply): SluiceEvent {
  try {
    return readEvent(reply.headers, reply.body);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SluiceError('EVENT_INVALID', `The reply of function ${name} is not a CloudEvent. ${reason}`, {
      cause,
      details: { function: name },
    });
  }
}
