import { setTimeout as sleep } from 'node:timers/promises';
import type { Env } from '#shared/config/env.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicUuid } from '#shared/events/event.ts';
import type { Logger } from '#shared/log/log.ts';
import { CallLimits } from '#shared/runtime/call-limits.ts';
import type { FunctionHost } from '#shared/runtime/host.ts';
import type { Stack } from '../stack.ts';
import { CALLBACK_QUEUE, callbackOf } from './callbacks.ts';
import { deadLetterEvent, storableError } from './dead-letter-event.ts';
import type { DeadLetters } from './dead-letter-store.ts';
import type { Executor, QueueDatabase } from './database.ts';
import { assertStorable, type Delivery, DeliverySchema, firstDelivery } from './delivery.ts';
import type { RouterMetrics } from './metrics.ts';
import type { Publisher } from './publisher.ts';
import type { Job, Queue } from './queue.ts';
import { type CallResult, INTERRUPTION_LIMIT, type Settlement, settlementOf, type Tries } from './outcome.ts';

export interface DeliverParts {
  queue: Queue;
  database: QueueDatabase;
  publisher: Publisher;
  deadLetters: DeadLetters;
  metrics: RouterMetrics;
  host: FunctionHost;
  stack: Stack;
  env: Env;
  log: Logger;
  /** There is, or will be, a job in a queue. */
  wake: (queue: string, afterSeconds: number) => void;
  /** Aborts when the router stops and running calls must end. */
  stopping: AbortSignal;
}

/** A handler ends itself after STEP_TIMEOUT_SECONDS; so much later the router ends the call. */
const CALL_MARGIN_SECONDS = 60;
/** A handler that does not heed its signal is left behind after this time. Its claim is stale by then, so it can't write. */
const ABANDON_MS = 10_000;
/** Wait before a settlement is tried again while the database is away. */
const SETTLE_AGAIN_MS = 500;

/** Calls the function with the job's event, and settles the job with what came of it. Never throws. */
export async function deliver(parts: DeliverParts, job: Job<Delivery>): Promise<void> {
  const began = Date.now();
  const { attempt, deferrals, published_at } = job.data;
  const tries: Tries = { attempt, deferrals, interruptions: job.retryCount - (attempt - 1) - deferrals };
  parts.metrics.started(job.name, (began - Math.max(published_at, job.startAfter.getTime())) / 1000);
  const result = await call(parts, job, tries);
  const seconds = (Date.now() - began) / 1000;
  const settlement = settlementOf(result, tries, parts.env, parts.stopping.aborted, Math.random());
  parts.metrics.settled(job.name, settlement, seconds);
  logSettlement(parts.log, job, settlement, seconds);
  await settleUntilStored(parts, job, settlement, seconds);
}

async function call(parts: DeliverParts, job: Job<Delivery>, tries: Tries): Promise<CallResult> {
  if (tries.interruptions > INTERRUPTION_LIMIT) {
    const details = { interruptions: tries.interruptions };
    return {
      error: new SluiceError(
        'WORKER_DIED',
        `The process ended ${tries.interruptions} times in the middle of ${job.name}; the event is set aside.`,
        { details },
      ),
    };
  }
  if (!DeliverySchema.safeParse(job.data).success)
    return { error: new SluiceError('EVENT_INVALID', `The job ${job.id} of ${job.name} holds no event.`) };
  const limits = new CallLimits([parts.stopping], parts.env.STEP_TIMEOUT_SECONDS + CALL_MARGIN_SECONDS);
  try {
    const { event, call: asyncCall } = job.data;
    const invoked = parts.host.invoke(job.name, event, {
      signal: limits.signal,
      ...(asyncCall ? { callId: asyncCall.id } : {}),
    });
    const reply = await limits.orAbandon(
      invoked,
      ABANDON_MS,
      () => new SluiceError('STEP_TIMEOUT', `${job.name} did not end when it was told to.`),
    );
    if (reply) assertStorable(reply);
    return { reply };
  } catch (thrown) {
    return { error: asSluiceError(thrown) };
  } finally {
    limits.release();
  }
}

/** Stores the settlement, however long the database is away. When the process dies before, the job is delivered again and answers the same. */
async function settleUntilStored(
  parts: DeliverParts,
  job: Job<Delivery>,
  settlement: Settlement,
  seconds: number,
): Promise<void> {
  for (;;) {
    try {
      await settle(parts, job, settlement, seconds);
      return;
    } catch (thrown) {
      const error = asSluiceError(thrown);
      if (error.code !== 'DATABASE_UNAVAILABLE') {
        parts.log.error({ function: job.name, job: job.id, reason: error.message }, 'Delivery:Settle:Failed');
        if (settlement.kind === 'dead') return; // Its heartbeat ends, so it is delivered again; INTERRUPTION_LIMIT ends that.
        settlement = { kind: 'dead', error };
      }
      if (parts.stopping.aborted) return; // It stays active in the queue, and the next start finds it.
      await sleep(SETTLE_AGAIN_MS);
    }
  }
}

async function settle(parts: DeliverParts, job: Job<Delivery>, settlement: Settlement, seconds: number): Promise<void> {
  switch (settlement.kind) {
    case 'done':
      return settleDone(parts, job, settlement, seconds);
    case 'dead':
      return settleDead(parts, job, settlement, seconds);
    case 'give-back':
      return parts.queue.giveBack(job.name, [job.id]);
    case 'retry':
      return putBack(
        parts,
        job,
        settlement.afterSeconds,
        { ...job.data, attempt: job.data.attempt + 1 },
        { error: storableError(settlement.error) },
      );
    case 'defer':
      return putBack(
        parts,
        job,
        settlement.afterSeconds,
        { ...job.data, deferrals: job.data.deferrals + 1 },
        { busy: true },
      );
  }
}

async function settleDone(
  parts: DeliverParts,
  job: Job<Delivery>,
  { reply }: { reply: CallReply },
  seconds: number,
): Promise<void> {
  const output = { seconds, ...(reply ? { reply: reply.id, type: reply.type } : {}) };
  const woken = await parts.database.transaction('relaxed', async (tx) => {
    // Published even if the job was taken from us: the other one publishes the same, and the id makes it one.
    const queues = reply ? await parts.publisher.add(tx, reply) : [];
    if (!(await parts.queue.holds(tx, job))) return queues;
    await parts.queue.complete(tx, job.name, job.id, output);
    return [...queues, ...(await addCallback(parts, tx, job, seconds, { reply }))];
  });
  for (const queue of woken) parts.wake(queue, 0);
}

async function settleDead(
  parts: DeliverParts,
  job: Job<Delivery>,
  { error }: { error: SluiceError },
  seconds: number,
): Promise<void> {
  const document = storableError(error);
  const storable = new SluiceError(document.code, document.message, { details: document.details });
  const sink = parts.stack.deadLetterSink;
  const { event, attempt } = job.data;
  const woken = await parts.database.transaction('relaxed', async (tx) => {
    if (!(await parts.queue.holds(tx, job))) return []; // Whoever has it now decides.
    await parts.queue.complete(tx, job.name, job.id, { error: document, seconds });
    await parts.deadLetters.add(tx, job.id, { function: job.name, event, error: document, attempts: attempt });
    const queues = await addCallback(parts, tx, job, seconds, { error: storable });
    // The sink's own dead letters stay on the list; handing them to the sink again would never end.
    if (sink === undefined || job.name === sink) return queues;
    await parts.queue.add(
      tx,
      sink,
      deterministicUuid('dead-letter', job.id, sink),
      firstDelivery(deadLetterEvent(event, job.name, storable), Date.now()),
    );
    return [...queues, sink];
  });
  for (const queue of woken) parts.wake(queue, 0);
}

async function putBack(
  parts: DeliverParts,
  job: Job<Delivery>,
  afterSeconds: number,
  data: Delivery,
  output: object,
): Promise<void> {
  await parts.database.transaction('relaxed', async (tx) => {
    if (await parts.queue.holds(tx, job))
      await parts.queue.putBack(tx, job.name, job.id, { afterSeconds, data, output });
  });
  parts.wake(job.name, afterSeconds);
}

async function addCallback(
  parts: DeliverParts,
  tx: Executor,
  job: Job<Delivery>,
  seconds: number,
  result: CallResult,
): Promise<string[]> {
  const callback = callbackOf(job.data.call, job.name, seconds, result);
  if (!callback) return [];
  await parts.queue.add(tx, CALLBACK_QUEUE, deterministicUuid('callback', job.id), callback);
  return [CALLBACK_QUEUE];
}

type CallReply = Extract<CallResult, { reply: unknown }>['reply'];

function logSettlement(log: Logger, job: Job<Delivery>, settlement: Settlement, seconds: number): void {
  const about = {
    function: job.name,
    event: job.data.event.id,
    type: job.data.event.type,
    subject: job.data.event.subject,
    attempt: job.data.attempt,
    seconds,
  };
  if (settlement.kind === 'done') log.debug(about, 'Delivery:Call:Done');
  else if (settlement.kind === 'retry')
    log.warn(
      { ...about, afterSeconds: settlement.afterSeconds, error: settlement.error.toDocument() },
      'Delivery:Call:Retried',
    );
  else if (settlement.kind === 'dead')
    log.error({ ...about, error: settlement.error.toDocument() }, 'Delivery:Call:DeadLetter');
  else log.debug({ ...about, outcome: settlement.kind }, 'Delivery:Call:PutBack');
}
