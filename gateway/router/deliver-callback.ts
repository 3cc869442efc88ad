import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { Callback } from './callbacks.ts';
import { postCallback } from './callbacks.ts';
import type { DeliverParts } from './deliver.ts';
import type { Job } from './queue.ts';
import { settlementOf } from './outcome.ts';

/** Posts a callback; one that is never answered is given up after the retries, for nobody waits for it but its own server. Never throws. */
export async function deliverCallback(
  parts: Pick<DeliverParts, 'queue' | 'database' | 'env' | 'log' | 'wake' | 'stopping'>,
  job: Job<Callback>,
): Promise<void> {
  const { data: callback } = job;
  const result = await postCallback(callback, parts.stopping).then(
    () => ({ reply: undefined }),
    (thrown: unknown) => ({ error: asSluiceError(thrown) }),
  );
  const settlement = settlementOf(
    result,
    { attempt: callback.attempt, deferrals: 0, interruptions: 0 },
    parts.env,
    parts.stopping.aborted,
    Math.random(),
  );
  try {
    if (settlement.kind === 'retry') {
      const later = {
        afterSeconds: settlement.afterSeconds,
        data: { ...callback, attempt: callback.attempt + 1 },
        output: settlement.error.toDocument(),
      };
      await parts.database.transaction('relaxed', (tx) => parts.queue.putBack(tx, job.name, job.id, later));
      parts.wake(job.name, settlement.afterSeconds);
      return;
    }
    if (settlement.kind === 'give-back') return await parts.queue.giveBack(job.name, [job.id]);
    if (settlement.kind === 'dead')
      parts.log.warn({ url: callback.url, error: settlement.error.toDocument() }, 'Callback:Post:GivenUp');
    await parts.queue.complete(parts.database.relaxed, job.name, job.id, { outcome: settlement.kind });
  } catch (thrown) {
    // It stays active without a heartbeat, so it is posted again.
    parts.log.warn({ url: callback.url, reason: asSluiceError(thrown).message }, 'Callback:Settle:Failed');
  }
}
