import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { CallLimits } from '#shared/signals/joined-signal.ts';
import { decideOutcome, type RetryPolicy } from './outcome.ts';
import { DeliveryLost, type Job } from './queues.ts';
import type { RouterParts } from './router-parts.ts';

/** An HTTP request that a job repeats until it is accepted. */
export interface Post {
  /** Names the receiver in errors and in the log: a URL, unless that is a secret. */
  receiver: string;
  url: string;
  headers: Record<string, string>;
  body: string;
  redirect: RequestRedirect;
}

const POST_TIMEOUT_SECONDS = 30;
/** A receiver can delay the next attempt up to this time. */
const MAX_RETRY_AFTER_SECONDS = 3_600;

/**
 * Posts the message of a job, and repeats it by the policy until the receiver returns a status 2xx. Returns what
 * became of it: `retry` and `give-back` if it is posted again. Never throws.
 */
export async function deliverPost<T extends { attempt: number }>(
  { queues, database, log, wake, stopping }: RouterParts,
  job: Job<T>,
  post: Post,
  policy: RetryPolicy,
): Promise<{ outcome: 'done' | 'dead' | 'retry' | 'give-back'; error?: SluiceError }> {
  const result = await send(post, stopping).then(
    () => ({ reply: undefined }),
    (thrown: unknown) => ({ error: asSluiceError(thrown) }),
  );
  const { attempt } = job.data;
  const history = { attempt, deferrals: 0, crashes: 0, workerDeaths: 0 };
  const outcome = decideOutcome(result, history, policy, stopping.aborted, Math.random());
  const error = 'error' in result ? { error: result.error } : {};
  try {
    if (outcome.kind === 'give-back') {
      await queues.giveBack(job);
      return { outcome: 'give-back', ...error };
    }
    if (outcome.kind === 'retry') {
      const { afterSeconds } = outcome;
      const later = { afterSeconds, data: { ...job.data, attempt: attempt + 1 }, output: outcome.error.toDocument() };
      await database.transaction('relaxed', (tx) => queues.putBack(tx, job, later));
      wake(job.name, afterSeconds);
      return { outcome: 'retry', ...error };
    }
    await database.transaction('relaxed', (tx) => queues.complete(tx, job, { outcome: outcome.kind }));
    return { outcome: outcome.kind === 'done' ? 'done' : 'dead', ...error };
  } catch (thrown) {
    // Another router posts it, or the job stays active until its heartbeat expires, and is then posted again.
    if (!(thrown instanceof DeliveryLost))
      log.warn({ receiver: post.receiver, reason: asSluiceError(thrown).message }, 'Post:Store:Failed');
    return { outcome: 'retry', ...error };
  }
}

/** Throws FUNCTION_UNAVAILABLE unless the response has a status 2xx. */
async function send({ receiver, url, headers, body, redirect }: Post, signal: AbortSignal): Promise<void> {
  const limits = new CallLimits([signal], POST_TIMEOUT_SECONDS);
  try {
    const response = await fetch(url, { method: 'POST', headers, body, redirect, signal: limits.signal });
    await response.body?.cancel();
    if (!response.ok)
      throw new SluiceError('FUNCTION_UNAVAILABLE', `${receiver} returned status ${response.status}.`, {
        ...retryAfter(response.headers.get('retry-after')),
      });
  } catch (cause) {
    if (cause instanceof SluiceError) throw cause;
    throw new SluiceError('FUNCTION_UNAVAILABLE', `Could not connect to ${receiver}.`, { cause });
  } finally {
    limits.release();
  }
}

function retryAfter(header: string | null): { retryAfterSeconds?: number } {
  const seconds = Number(header ?? Number.NaN);
  return seconds > 0 ? { retryAfterSeconds: Math.min(seconds, MAX_RETRY_AFTER_SECONDS) } : {};
}
