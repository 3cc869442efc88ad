import { storableValue } from '#shared/text/storable.ts';
import { setTimeout as sleep } from 'node:timers/promises';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { isSystemFailure } from '#shared/errors/system-failure.ts';
import { deterministicUuid, isStepEvent, type SluiceEvent } from '#shared/events/event.ts';
import { isUploadEvent } from '#shared/landing/notifications.ts';
import { CALLBACK_QUEUE, callbackOf } from './callbacks.ts';
import type { Executor } from './router-connection.ts';
import { type Delivery, firstDelivery } from './delivery-data.ts';
import type { CallResult, Outcome } from './outcome.ts';
import { DeliveryLost, type Job } from './queues.ts';
import type { RouterParts } from './router-parts.ts';
import { deadLetterEvent } from './dead-letter-store.ts';

/** Delay before the outcome is stored again while the database is unavailable or its disk is full. */
const STORE_AGAIN_MS = 500;

/**
 * Stores the outcome of a delivery, and waits while the database is unavailable or its disk is full. If the process
 * ends before, the event is delivered again and the handler returns its recorded reply. Never throws.
 */
export async function storeOutcome(
  parts: RouterParts,
  job: Job<Delivery>,
  outcome: Outcome,
  seconds: number,
): Promise<void> {
  for (;;) {
    try {
      await storeOnce(parts, job, outcome, seconds);
      return;
    } catch (thrown) {
      if (thrown instanceof DeliveryLost) return; // The router that fetched the job stores its own outcome.
      const error = asSluiceError(thrown);
      if (error.code !== 'DATABASE_UNAVAILABLE' && error.code !== 'DISK_FULL') {
        parts.log.error({ function: job.name, job: job.id, reason: error.message }, 'Delivery:Store:Failed');
        // Its heartbeat expires and the event is delivered again, at most MAX_CRASHES times.
        if (outcome.kind === 'dead') return;
        outcome = { kind: 'dead', error };
      }
      if (parts.stopping.aborted) return; // The job stays active. The next start returns it to the queue.
      await sleep(STORE_AGAIN_MS);
    }
  }
}

async function storeOnce(parts: RouterParts, job: Job<Delivery>, outcome: Outcome, seconds: number): Promise<void> {
  const { data } = job;
  switch (outcome.kind) {
    case 'done':
      return storeDone(parts, job, outcome.reply, seconds);
    case 'dead':
      return storeDead(parts, job, outcome.error, seconds);
    case 'give-back':
      return parts.queues.giveBack(job);
    case 'retry': {
      const output = { error: storableValue(outcome.error.toDocument()) };
      return putBack(parts, job, outcome.afterSeconds, { ...data, attempt: data.attempt + 1 }, output);
    }
    case 'repeat-alone': {
      const output = { error: storableValue(outcome.error.toDocument()) };
      return putBack(
        parts,
        job,
        outcome.afterSeconds,
        { ...data, worker_deaths: (data.worker_deaths ?? 0) + 1 },
        output,
      );
    }
    case 'defer':
      return putBack(parts, job, outcome.afterSeconds, { ...data, deferrals: data.deferrals + 1 }, { busy: true });
  }
}

/** Publishes the reply and completes the job in one transaction. */
async function storeDone(
  parts: RouterParts,
  job: Job<Delivery>,
  reply: SluiceEvent | undefined,
  seconds: number,
): Promise<void> {
  const output = { seconds, ...(reply ? { reply: reply.id, type: reply.type } : {}) };
  const publishReply = async (tx: Executor) => (reply ? parts.publisher.add(tx, reply) : undefined);
  const store = async (tx: Executor) => {
    const publication = await publishReply(tx);
    await parts.queues.complete(tx, job, output);
    const callbacks = await addCallback(parts, tx, job, seconds, { reply });
    return { publication, callbacks };
  };
  const { publication, callbacks } = await parts.database
    .transaction('relaxed', store)
    .catch(async (thrown: unknown) => {
      // The router that fetched the job since publishes the same reply. Both have one event id, so one event is stored.
      if (!(thrown instanceof DeliveryLost)) throw thrown;
      return { publication: await parts.database.transaction('relaxed', publishReply), callbacks: [] };
    });
  if (publication !== undefined) parts.publisher.count(publication);
  for (const { queue, priority } of publication?.wakeups ?? []) parts.wake(queue, 0, priority);
  for (const queue of callbacks) parts.wake(queue, 0);
}

/**
 * Completes the job, stores its dead letter and delivers it to the dead-letter sink, in one transaction. An error in
 * the input of a user is delivered to the sink only (isRecordedBySink).
 */
async function storeDead(parts: RouterParts, job: Job<Delivery>, thrown: SluiceError, seconds: number): Promise<void> {
  const document = storableValue(thrown.toDocument());
  const error = new SluiceError(document.code, document.message, { details: document.details });
  const sink = parts.stack.deadLetterSink;
  const { event, attempt } = job.data;
  const queues = await parts.database.transaction('relaxed', async (tx) => {
    await parts.queues.complete(tx, job, { error: document, seconds });
    const wakeQueues = await addCallback(parts, tx, job, seconds, { error });
    if (!isRecordedBySink(job, error, sink)) {
      const letter = { function: job.name, event, error: document, attempts: attempt };
      await parts.deadLetters.add(tx, job.id, letter);
      wakeQueues.push(...((await parts.alerts?.addForDeadLetter(tx, job.id, letter)) ?? []));
    }
    // A dead letter of the sink is only stored: delivering it to the sink again could repeat without end.
    if (sink === undefined || job.name === sink) return wakeQueues;
    const sinkDelivery = firstDelivery(deadLetterEvent(event, job.name, error), Date.now());
    await parts.queues.add(tx, sink, deterministicUuid('dead-letter', job.id, sink), sinkDelivery);
    return [...wakeQueues, sink];
  });
  for (const queue of queues) parts.wake(queue, 0);
}

/**
 * True if the sink records the error on the run or the manifest, and a repeat of the event would fail again: no dead
 * letter is kept, because nothing can be re-driven.
 */
function isRecordedBySink({ name, data: { event } }: Job<Delivery>, { code }: SluiceError, sink?: string): boolean {
  if (sink === undefined || name === sink || isSystemFailure(code)) return false;
  return isStepEvent(event) || isUploadEvent(event);
}

async function putBack(
  parts: RouterParts,
  job: Job<Delivery>,
  afterSeconds: number,
  data: Delivery,
  output: object,
): Promise<void> {
  await parts.database.transaction('relaxed', (tx) => parts.queues.putBack(tx, job, { afterSeconds, data, output }));
  parts.wake(job.name, afterSeconds);
}

/** Adds the callback of an asynchronous call that requested one. Returns the queues to wake. */
async function addCallback(
  { queues }: RouterParts,
  tx: Executor,
  job: Job<Delivery>,
  seconds: number,
  result: CallResult,
): Promise<string[]> {
  const callback = callbackOf(job.data.call, job.name, seconds, result);
  if (!callback) return [];
  await queues.add(tx, CALLBACK_QUEUE, deterministicUuid('callback', job.id), callback);
  return [CALLBACK_QUEUE];
}
