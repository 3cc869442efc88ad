import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicUuid, isStepEvent, type SluiceEvent } from '#shared/events/event.ts';
import { concurrencyOf } from '#shared/config/stack.ts';
import type { DeadLetter } from '#shared/api/views.ts';
import type { Alert, StuckWork } from '../alerts/alert.ts';
import { AlertWatch } from '../alerts/alert-watch.ts';
import { traceUpload } from '../observe/trace-upload.ts';
import { ALERT_QUEUE, type AlertJob, AlertQueue } from './alert-queue.ts';
import { ALERT_CONCURRENCY, deliverAlert } from './deliver-alert.ts';
import { type Callback, CALLBACK_CONCURRENCY, CALLBACK_QUEUE, deliverCallback } from './callbacks.ts';
import { Consumer, sharesOf } from './consumer.ts';
import { QueueDatabase } from './database.ts';
import { asDatabaseError, DatabaseStatus, RouterConnection } from './router-connection.ts';
import { DeadLetterStore } from './dead-letter-store.ts';
import { deliver } from './deliver.ts';
import { assertStorable, type Delivery, firstDelivery } from './delivery-data.ts';
import { DeliveryRecovery } from './delivery-recovery.ts';
import { RouterMetrics } from './metrics.ts';
import { Publisher } from './publisher.ts';
import { type Job, Queues } from './queues.ts';
import type { RouterParts } from './router-parts.ts';

import type { Router, RouterOptions } from './router.ts';

/** Most calls end within this time. Ctrl-C waits no longer. */
const DRAIN_MS = 2_000;
/** A canceled handler stops its programs and releases its claim, which takes milliseconds. */
const CANCEL_MS = 5_000;
const DEFAULT_DEAD_LETTERS = 200;

/** Opens the router: connects, creates the tables and queues, and accepts events. start() starts the deliveries. */
export async function createRouter(options: RouterOptions): Promise<Router> {
  const router = new QueueRouter(options);
  await router.open();
  return router;
}

type AnyConsumer = Consumer<Delivery> | Consumer<Callback> | Consumer<AlertJob>;

class QueueRouter implements Router {
  #options: RouterOptions;
  #connection: RouterConnection;
  #database: QueueDatabase;
  #queues: Queues;
  #deadLetters: DeadLetterStore;
  #metrics: RouterMetrics;
  #publisher: Publisher;
  #alerts: AlertQueue | undefined;
  #watch: AlertWatch | undefined;
  #deliveries: Consumer<Delivery>[];
  #consumers: AnyConsumer[];
  #recovery: DeliveryRecovery;
  #stopping = new AbortController();

  constructor(options: RouterOptions) {
    const { databaseUrl, stack, env, log } = options;
    const status = new DatabaseStatus(log);
    this.#options = options;
    this.#connection = new RouterConnection(databaseUrl, status);
    this.#database = new QueueDatabase(databaseUrl, this.#connection, status);
    this.#queues = new Queues(
      this.#database,
      env,
      log,
      (queue) => this.#wake(queue, 0),
      () => {
        this.#wakeAll();
        this.#recovery.onReconnect();
      },
    );
    this.#deadLetters = new DeadLetterStore(this.#database);
    this.#metrics = new RouterMetrics({
      queueCounts: () => this.#queues.counts(),
      oldestWaiting: () => this.#queues.oldestWaiting(),
      deadLetters: () => this.#deadLetters.count(),
    });
    if (env.ALERT_WEBHOOK_URL !== undefined) {
      const alerts = new AlertQueue(this.#queues, env);
      const send = async (alert: Alert) => {
        for (const queue of await alerts.add(this.#database.durable, alert)) this.#wake(queue, 0);
      };
      this.#alerts = alerts;
      this.#watch = new AlertWatch({ env, log, send, listWork: () => this.#listWork() });
    }
    this.#publisher = new Publisher({
      queues: this.#queues,
      stack,
      metrics: this.#metrics,
      env,
      alerts: this.#alerts,
    });
    this.#deliveries = this.#createDeliveryConsumers();
    this.#consumers = [...this.#deliveries, ...this.#createPostConsumers()];
    this.#recovery = new DeliveryRecovery(this.#queues, this.#connection, () => this.#consumers, log);
  }

  get registry(): Registry {
    return this.#metrics.registry;
  }

  async open(): Promise<void> {
    try {
      await this.#connection.open();
      await this.#queues.open([...new Set(this.#consumers.map(({ queueName }) => queueName))]);
      await this.#deadLetters.open();
    } catch (thrown) {
      await this.#close();
      throw asDatabaseError(thrown);
    }
  }

  async publish(event: SluiceEvent): Promise<void> {
    assertStorable(event);
    const subscribers = this.#publisher.subscribers(event);
    if (subscribers.length === 0) {
      this.#options.log.debug({ type: event.type, id: event.id }, 'Event:Publish:NoSubscriber');
      return;
    }
    await traceUpload(this.#options.tracing, event, async (traced) => {
      // A single insert needs no explicit transaction.
      const add = () =>
        subscribers.length === 1
          ? this.#publisher.add(this.#database.durable, traced)
          : this.#database.transaction('durable', (tx) => this.#publisher.add(tx, traced));
      const publication = await withSluiceErrors(add);
      this.#publisher.count(publication);
      const { wakeups } = publication;
      for (const { queue, priority } of wakeups) this.#wake(queue, 0, priority);
      return wakeups.length > 0;
    });
  }

  async publishTo(
    functionName: string,
    event: SluiceEvent,
    options: { callId: string; callbackUrl?: string },
  ): Promise<void> {
    if (!this.#options.stack.find(functionName))
      throw new SluiceError('FUNCTION_NOT_FOUND', `Function ${JSON.stringify(functionName)} does not exist.`);
    assertStorable(event);
    const delivery = firstDelivery(event, Date.now(), { id: options.callId, callback_url: options.callbackUrl });
    const jobId = deterministicUuid('call', options.callId, functionName);
    await withSluiceErrors(() => this.#queues.add(this.#database.durable, functionName, jobId, delivery));
    this.#wake(functionName, 0);
  }

  scale(functionName: string, calls: number): void {
    for (const consumer of this.#consumers) {
      if (consumer.queueName !== functionName) continue;
      const isForSmall = consumer.share.priorities?.minPriority !== undefined;
      consumer.resize(isForSmall ? Math.min(consumer.share.concurrency, calls) : calls);
    }
  }

  async start(): Promise<void> {
    await withSluiceErrors(() => this.#recovery.start());
    for (const consumer of this.#consumers) consumer.start();
    this.#watch?.start();
    for (const { queue, due } of await withSluiceErrors(() => this.#queues.nextDueTimes()))
      this.#wake(queue, (due.getTime() - Date.now()) / 1000);
  }

  async stop(): Promise<void> {
    const consumers = this.#consumers;
    const work = this.#watch === undefined ? consumers : [...consumers, this.#watch];
    for (const part of work) part.pause();
    const idle = Promise.all(work.map((part) => part.idle()));
    await Promise.race([idle, sleep(this.#options.drainMs ?? DRAIN_MS, undefined, { ref: false })]);
    this.#stopping.abort();
    await Promise.race([idle, sleep(CANCEL_MS, undefined, { ref: false })]);
    this.#recovery.stop();
    const jobs: Job<object>[] = consumers.flatMap(({ running }) => running.map(({ job }) => job));
    await Promise.allSettled(jobs.map((job) => this.#queues.giveBack(job)));
    await this.#close();
  }

  listDeadLetters(limit = DEFAULT_DEAD_LETTERS, offset = 0): Promise<DeadLetter[]> {
    return withSluiceErrors(() => this.#deadLetters.list(limit, offset));
  }

  getDeadLetter(id: string): Promise<DeadLetter> {
    return withSluiceErrors(() => this.#deadLetters.get(id));
  }

  async redrive(id: string): Promise<DeadLetter> {
    const letter = await withSluiceErrors(() =>
      this.#database.transaction('durable', async (tx) => {
        const removed = await this.#deadLetters.remove(tx, id);
        // A new job id: the job of the first delivery is completed, and its id would make this job a repeat.
        const jobId = deterministicUuid('redrive', id);
        await this.#queues.add(tx, removed.function, jobId, firstDelivery(removed.event, Date.now()));
        return removed;
      }),
    );
    this.#wake(letter.function, 0);
    return letter;
  }

  discard(id: string): Promise<DeadLetter> {
    return withSluiceErrors(() => this.#deadLetters.remove(this.#database.durable, id));
  }

  async ping(): Promise<void> {
    await withSluiceErrors(() => this.#database.executeSql('select 1'));
  }

  get #parts(): RouterParts {
    return {
      ...this.#options,
      queues: this.#queues,
      database: this.#database,
      publisher: this.#publisher,
      deadLetters: this.#deadLetters,
      alerts: this.#alerts,
      metrics: this.#metrics,
      wake: (queue, afterSeconds, priority) => this.#wake(queue, afterSeconds, priority),
      stopping: this.#stopping.signal,
    };
  }

  #createDeliveryConsumers(): Consumer<Delivery>[] {
    const parts = this.#parts;
    const { stack, env } = this.#options;
    return stack.functions.flatMap((fn) =>
      sharesOf(concurrencyOf(fn, env)).map(
        (share) => new Consumer<Delivery>(this.#queues, fn.name, share, (job) => deliver(parts, job)),
      ),
    );
  }

  /** The consumers of callbacks, and of alerts unless they are switched off. */
  #createPostConsumers(): AnyConsumer[] {
    const parts = this.#parts;
    const callbacks = new Consumer<Callback>(
      this.#queues,
      CALLBACK_QUEUE,
      { concurrency: CALLBACK_CONCURRENCY },
      (job) => deliverCallback(parts, job),
    );
    if (this.#alerts === undefined) return [callbacks];
    const alerts = new Consumer<AlertJob>(this.#queues, ALERT_QUEUE, { concurrency: ALERT_CONCURRENCY }, (job) =>
      deliverAlert(parts, job),
    );
    return [callbacks, alerts];
  }

  /** The oldest waiting delivery of each function, and the calls that this router makes. */
  async #listWork(): Promise<StuckWork[]> {
    const { stack } = this.#options;
    const waiting = (await this.#queues.oldestWaiting()).filter(({ queue }) => stack.find(queue) !== undefined);
    const running = this.#deliveries.flatMap((consumer) => consumer.running);
    return [
      ...waiting.map(({ queue, seconds }) => ({ state: 'waiting', function: queue, seconds }) as const),
      ...running.map(({ job: { id, name, data }, startedAt }) => {
        const runId = isStepEvent(data.event) ? data.event.subject : undefined;
        return {
          state: 'running',
          function: name,
          seconds: (Date.now() - startedAt) / 1000,
          jobId: id,
          runId,
        } as const;
      }),
    ];
  }

  /** Wakes the consumers of a queue; with `priority`, only the one that fetches such jobs. */
  #wake(queue: string, afterSeconds: number, priority?: number): void {
    for (const consumer of this.#consumers) {
      if (consumer.queueName !== queue || (priority !== undefined && !consumer.fetches(priority))) continue;
      if (afterSeconds <= 0) consumer.wake();
      else consumer.wakeAfter(afterSeconds * 1000);
    }
  }

  #wakeAll(): void {
    for (const consumer of this.#consumers) consumer.wake();
  }

  async #close(): Promise<void> {
    await this.#queues.close().catch(() => undefined);
    await this.#connection.close();
    await this.#database.close();
  }
}

/** Runs `work` and converts its errors to SluiceErrors. */
async function withSluiceErrors<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (thrown) {
    throw asDatabaseError(thrown);
  }
}
