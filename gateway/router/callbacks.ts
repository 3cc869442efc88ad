import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { type HttpReply, writeEvent, writeError } from '#shared/events/http.ts';
import { CallLimits } from '#shared/signals/joined-signal.ts';
import type { AsyncCall } from './delivery.ts';
import { type CallResult, decideOutcome } from './outcome.ts';
import { DeliveryLost, type Job } from './queues.ts';
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
const CALLBACK_TIMEOUT_SECONDS = 30;

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
export async function deliverCallback(
  { queues, database, env, log, wake, stopping }: RouterParts,
  job: Job<Callback>,
): Promise<void> {
  const { data: callback } = job;
  const result = await postCallback(callback, stopping).then(
    () => ({ reply: undefined }),
    (thrown: unknown) => ({ error: asSluiceError(thrown) }),
  );
  const history = { attempt: callback.attempt, deferrals: 0, crashes: 0, workerDeaths: 0 };
  const outcome = decideOutcome(result, history, env, stopping.aborted, Math.random());
  try {
    if (outcome.kind === 'give-back') return await queues.giveBack(job.name, [job.id]);
    if (outcome.kind === 'retry') {
      const later = {
        afterSeconds: outcome.afterSeconds,
        data: { ...callback, attempt: callback.attempt + 1 },
        output: outcome.error.toDocument(),
      };
      await database.transaction('relaxed', (tx) => queues.putBack(tx, job, later));
      wake(job.name, outcome.afterSeconds);
      return;
    }
    if (outcome.kind === 'dead')
      log.warn({ url: callback.url, error: outcome.error.toDocument() }, 'Callback:Post:Failed');
    await database.transaction('relaxed', (tx) => queues.complete(tx, job, { outcome: outcome.kind }));
  } catch (thrown) {
    if (thrown instanceof DeliveryLost) return; // Another router posts it.
    // The job stays active until its heartbeat expires, and is then posted again.
    log.warn({ url: callback.url, reason: asSluiceError(thrown).message }, 'Callback:Store:Failed');
  }
}

/** Throws FUNCTION_UNAVAILABLE unless the response has a 2xx status. */
async function postCallback({ url, headers, body }: Callback, signal: AbortSignal): Promise<void> {
  const limits = new CallLimits([signal], CALLBACK_TIMEOUT_SECONDS);
  try {
    const response = await fetch(url, { method: 'POST', headers, body, signal: limits.signal });
    await response.body?.cancel();
    if (!response.ok)
      throw new SluiceError('FUNCTION_UNAVAILABLE', `The callback URL ${url} returned status ${response.status}.`);
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause;
    throw new SluiceError('FUNCTION_UNAVAILABLE', `Could not connect to the callback URL ${url}.`, { cause });
  } finally {
    limits.release();
  }
}
