import { type HttpReply, writeEvent, writeError } from '#shared/events/http.ts';
import type { AsyncCall } from './delivery-data.ts';
import type { CallResult } from './outcome.ts';
import { deliverPost } from './post-job.ts';
import type { Job } from './queues.ts';
import type { RouterParts } from './router-parts.ts';

/** The result of an asynchronous call: the reply of the function, posted to the URL in the request of the client. */
export interface Callback {
  url: string;
  headers: Record<string, string>;
  body: string;
  attempt: number;
}

/** Queue of the callbacks. The name contains a dot, so it is not a valid function name. */
export const CALLBACK_QUEUE = 'sluice.callbacks';
export const CALLBACK_CONCURRENCY = 4;

/** The callback of a call, with the headers of OpenFaaS. Undefined if the client requested none. */
export function callbackOf(
  call: AsyncCall | undefined,
  functionName: string,
  seconds: number,
  result: CallResult,
): Callback | undefined {
  if (call?.callback_url === undefined) return undefined;
  const { status, headers, body } = replyOf(result);
  return {
    url: call.callback_url,
    headers: {
      ...headers,
      'X-Call-Id': call.id,
      'X-Duration-Seconds': seconds.toFixed(6),
      'X-Function-Status': String(status),
      'X-Function-Name': functionName,
    },
    body,
    attempt: 1,
  };
}

function replyOf(result: CallResult): HttpReply {
  if ('error' in result) return writeError(result.error);
  return result.reply ? writeEvent(result.reply) : { status: 200, headers: {}, body: '' };
}

/** Posts the callback of a job. Stops after the last retry, because only the receiver needs it. Never throws. */
export async function deliverCallback(parts: RouterParts, job: Job<Callback>): Promise<void> {
  const { url, headers, body } = job.data;
  const post = { receiver: `the callback URL ${url}`, url, headers, body, redirect: 'follow' } as const;
  const { outcome, error } = await deliverPost(parts, job, post, parts.env);
  if (outcome === 'dead') parts.log.warn({ url, error: error?.toDocument() }, 'Callback:Post:Failed');
}
