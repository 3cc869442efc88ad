import type { ClientRequest, IncomingMessage } from 'node:http';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readAtMost } from '#shared/streams/read-at-most.ts';
import { type HttpReply, MAX_EVENT_BYTES } from './http.ts';

/** TCP keep-alive interval. A step may take an hour, and firewalls drop idle connections sooner. */
export const KEEP_ALIVE_MS = 30_000;
/** A structured event is larger than its data; the limit allows for that. */
const MAX_REPLY_BYTES = 2 * MAX_EVENT_BYTES;

/**
 * Sends the body of a request of node:http, and reads the reply. The only time limit is the signal of the request;
 * fetch fails after five minutes without a response. Rejects with the error of the connection.
 */
export function exchange(request: ClientRequest, body: string): Promise<HttpReply> {
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
