import { Agent as HttpAgent, type ClientRequest, type IncomingMessage, request as httpRequest } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { readError } from '#shared/events/http-errors.ts';
import { type HttpReply, MAX_EVENT_BYTES, readEvent, writeEvent } from '#shared/events/http.ts';
import { readAtMost } from '#shared/text/read-at-most.ts';
import { reasonOf } from '#shared/text/message-text.ts';
import type { FunctionHost, InvokeOptions } from './host.ts';

/** Where a function answers, from FUNCTION_URL: `{name}` stands for its name. */
export function functionUrls(template: string): (name: string) => string {
  return (name) => template.replaceAll('{name}', encodeURIComponent(name));
}

/** An idle connection is probed so often: a step may take an hour, and firewalls forget silent connections sooner. */
const KEEP_ALIVE_MS = 30_000;
/** A reply may hold an event and a little around it; more than that is not from a function. */
const MAX_REPLY_BYTES = 2 * MAX_EVENT_BYTES;

/**
 * Calls functions that run elsewhere: posts the event in binary mode to the URL of the function. There is no time limit of its own
 * (node:http has none, while fetch gives up after five minutes); the caller's signal is the limit.
 */
export class HttpClientHost implements FunctionHost {
  #urlOf: (name: string) => string | undefined;
  #http = new HttpAgent({ keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS });
  #https = new HttpsAgent({ keepAlive: true, keepAliveMsecs: KEEP_ALIVE_MS });

  /** `urlOf` says where a function answers; undefined when there is none of this name. */
  constructor(urlOf: (name: string) => string | undefined) {
    this.#urlOf = urlOf;
  }

  async invoke(name: string, event: SluiceEvent, options: InvokeOptions): Promise<SluiceEvent | undefined> {
    const url = this.#urlOf(name);
    if (url === undefined)
      throw new SluiceError('FUNCTION_NOT_FOUND', `There is no function named ${JSON.stringify(name)}.`);
    const { headers, body } = writeEvent(event);
    const message = {
      headers: { ...headers, ...(options.callId === undefined ? {} : { 'x-call-id': options.callId }) },
      body,
    };
    const reply = await this.#post(name, url, message, options.signal);
    if (reply.status < 200 || reply.status > 299)
      throw readError(name, reply.status, reply.headers['retry-after'], reply.body);
    return reply.body === '' && reply.headers['ce-id'] === undefined ? undefined : readReply(name, reply);
  }

  /** Closes idle connections. */
  close(): void {
    this.#http.destroy();
    this.#https.destroy();
  }

  async #post(
    name: string,
    url: string,
    message: Pick<HttpReply, 'headers' | 'body'>,
    signal: AbortSignal,
    again = false,
  ): Promise<HttpReply> {
    const secure = new URL(url).protocol === 'https:';
    const options = {
      method: 'POST',
      headers: { ...message.headers, 'content-length': String(Buffer.byteLength(message.body)) },
      signal,
    };
    const request = secure
      ? httpsRequest(url, { ...options, agent: this.#https })
      : httpRequest(url, { ...options, agent: this.#http });
    try {
      return await exchange(request, message.body);
    } catch (cause) {
      // The function closed a kept connection at the moment that we used it: it has not seen this request.
      const stale = request.reusedSocket && (cause as NodeJS.ErrnoException).code === 'ECONNRESET';
      if (stale && !again && !signal.aborted) return this.#post(name, url, message, signal, true);
      const reason = signal.aborted ? 'the call was ended' : reasonOf(cause);
      throw new SluiceError('FUNCTION_UNAVAILABLE', `Function ${name} does not answer at ${url}: ${reason}.`, {
        cause,
        details: { function: name, url },
      });
    }
  }
}

function exchange(request: ClientRequest, body: string): Promise<HttpReply> {
  return new Promise((resolve, reject) => {
    request.on('socket', (socket) => void socket.setKeepAlive(true, KEEP_ALIVE_MS));
    request.on('error', reject);
    request.on('response', (response) => {
      void readBody(response).then((text) => {
        const headers = Object.fromEntries(
          Object.entries(response.headers).map(([name, value]) => [
            name,
            Array.isArray(value) ? value.join(',') : (value ?? ''),
          ]),
        );
        resolve({ status: response.statusCode ?? 0, headers, body: text });
      }, reject);
    });
    request.end(body);
  });
}

async function readBody(response: IncomingMessage): Promise<string> {
  const tooLarge = () => new SluiceError('EVENT_INVALID', `The reply is larger than ${MAX_REPLY_BYTES} bytes.`);
  return (await readAtMost(response, MAX_REPLY_BYTES, tooLarge)).toString();
}

function readReply(name: string, reply: HttpReply): SluiceEvent {
  try {
    return readEvent(reply.headers, reply.body);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new SluiceError('EVENT_INVALID', `Function ${name} replied something that is not a CloudEvent. ${reason}`, {
      cause,
      details: { function: name },
    });
  }
}
