import { setTimeout as sleep } from 'node:timers/promises';
import type { Registry } from 'prom-client';
import type { Env } from '#shared/config/env.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicUuid, type SluiceEvent } from '#shared/events/event.ts';
import type { Logger } from '#shared/log/log.ts';
import type { FunctionHost } from '#shared/runtime/host.ts';
import { concurrencyOf, type Stack } from '../stack.ts';
import { databaseAway } from './database-errors.ts';
import { Availability } from './database-status.ts';
import { type Callback, CALLBACK_CONCURRENCY, CALLBACK_QUEUE } from './callbacks.ts';
import { deliverCallback } from './deliver-callback.ts';
import type { DeadLetter } from './dead-letter-event.ts';
import { DeadLetters } from './dead-letter-store.ts';
import { QueueDatabase } from './database.ts';
import { deliver } from './deliver.ts';
import { assertStorable, type Delivery, firstDelivery } from './delivery.ts';
import { Lane } from './consumer.ts';
import { RouterMetrics } from './metrics.ts';
import { Publisher } from './publisher.ts';
import { Queue } from './queue.ts';
import { Upkeep } from './delivery-recovery.ts';
import { RouterSession } from './listen-connection.ts';

/** Brings events to functions: at least once, in any order, each repeat of an event id adding nothing for a day. */
export interface Router {
  /** Resolves when the event is stored for every function that receives it; nothing is lost after that. Throws EVENT_INVALID, DATABASE_UNAVAILABLE. */
  publish(event: SluiceEvent): Promise<void>;
  /** Stores an asynchronous call of one function. Its reply is routed, and posted to `callbackUrl`. Throws FUNCTION_NOT_FOUND, EVENT_INVALID, DATABASE_UNAVAILABLE. */
  publishTo(functionName: string, event: SluiceEvent, options: { callId: string; callbackUrl?: string }): Promise<void>;
  /** Begins to deliver: first what a dead process left. */
  start(): Promise<void>;
  /** Takes no more jobs, lets the running ones end for a moment, then ends them; they are delivered after the next start. Closes the router. */
  stop(): Promise<void>;
  /** Newest first. */
  listDeadLetters(limit?: number, offset?: number): Promise<DeadLetter[]>;
  /** Throws DEAD_LETTER_NOT_FOUND. */
  getDeadLetter(id: string): Promise<DeadLetter>;
  /** Delivers the event again, to the function that failed. Throws DEAD_LETTER_NOT_FOUND. */
  redrive(id: string): Promise<DeadLetter>;
  /** Takes it off the list. Throws DEAD_LETTER_NOT_FOUND. */
  discard(id: string): Promise<DeadLetter>;
  /** Throws DATABASE_UNAVAILABLE. */
  ping(): Promise<void>;
  /** Counters for /metrics. */
  registry: Registry;
}

export interface RouterOptions {
  /** PostgreSQL that holds the queue. */
  databaseUrl: string;
  stack: Stack;
  host: FunctionHost;
  env: Env;
  log: Logger;
  /** How long stop() lets running calls end by themselves. */
  drainMs?: number;
}

/** Most calls are done in this time; a person who presses Ctrl-C waits no longer. */
const DRAIN_MS = 2_000;
/** After the signal, a handler kills its programs and gives its claim back; that takes milliseconds. */
const ABORT_MS = 5_000;
const DEAD_LETTERS_LISTED = 200;

/** Opens the router: connects, creates what the queue needs, and accepts events. Nothing is delivered before start(). */
export async function createRouter(options: RouterOptions): Promise<Router> {
  const router = new QueueRouter(options);
  await router.open();
  return router;
}

class QueueRouter implements Router {
  #options: RouterOptions;
  #session: RouterSession;
  #database: QueueDatabase;
  #queue: Queue;
  #deadLetters: DeadLetters;
  #metrics: RouterMetrics;
  #publisher: Publisher;
  #lanes: Map<string, Lane<Delivery> | Lane<Callback>>;
  #upkeep: Upkeep;
  #stopping = new AbortController();

  constructor(options: RouterOptions) {
    const { databaseUrl, stack, env, log } = options;
    const availability = new Availability(log);
    this.#options = options;
    this.#session = new RouterSession(databaseUrl, availability);
    this.#database = new QueueDatabase(databaseUrl, this.#session, availability);
    this.#queue = new Queue(
      this.#database,
      env,
      log,
      (queue) => this.#wake(queue, 0),
      () => this.#wakeAll(),
    );
    this.#deadLetters = new DeadLetters(this.#database);
    this.#metrics = new RouterMetrics({
      backlog: () => this.#queue.backlog(),
      deadLetters: () => this.#deadLetters.count(),
    });
    this.#publisher = new Publisher(this.#queue, stack, this.#metrics);
    const parts = {
      ...options,
      queue: this.#queue,
      database: this.#database,
      publisher: this.#publisher,
      deadLetters: this.#deadLetters,
      metrics: this.#metrics,
      wake: (queue: string, afterSeconds: number) => this.#wake(queue, afterSeconds),
      stopping: this.#stopping.signal,
    };
    const functionLanes = stack.functions.map(
      (fn) => new Lane<Delivery>(this.#queue, fn.name, concurrencyOf(fn, env), (job) => deliver(parts, job)),
    );
    const callbackLane = new Lane<Callback>(this.#queue, CALLBACK_QUEUE, CALLBACK_CONCURRENCY, (job) =>
      deliverCallback(parts, job),
    );
    this.#lanes = new Map([...functionLanes, callbackLane].map((lane) => [lane.queueName, lane]));
    this.#upkeep = new Upkeep(this.#queue, this.#session, () => [...this.#lanes.values()], log);
  }

  get registry(): Registry {
    return this.#metrics.registry;
  }

  async open(): Promise<void> {
    try {
      await this.#session.open();
      await this.#queue.open([...this.#lanes.keys()]);
      await this.#deadLetters.open();
    } catch (thrown) {
      await this.#close();
      throw databaseAway(thrown) ?? asSluiceError(thrown);
    }
  }

  async publish(event: SluiceEvent): Promise<void> {
    assertStorable(event);
    const functions = this.#publisher.subscribers(event);
    if (functions.length === 0) {
      this.#options.log.debug({ type: event.type, id: event.id }, 'Event:Publish:NobodyReceivesIt');
      return;
    }
    // One insert is a transaction by itself.
    const add = () =>
      functions.length === 1
        ? this.#publisher.add(this.#database.durable, event)
        : this.#database.transaction('durable', (tx) => this.#publisher.add(tx, event));
    for (const name of await known(add)) this.#wake(name, 0);
  }

  async publishTo(
    functionName: string,
    event: SluiceEvent,
    options: { callId: string; callbackUrl?: string },
  ): Promise<void> {
    if (!this.#options.stack.find(functionName))
      throw new SluiceError('FUNCTION_NOT_FOUND', `There is no function named ${JSON.stringify(functionName)}.`);
    assertStorable(event);
    const delivery = firstDelivery(event, Date.now(), { id: options.callId, callback_url: options.callbackUrl });
    await known(() =>
      this.#queue.add(
        this.#database.durable,
        functionName,
        deterministicUuid('call', options.callId, functionName),
        delivery,
      ),
    );
    this.#wake(functionName, 0);
  }

  async start(): Promise<void> {
    await known(() => this.#upkeep.start());
    for (const lane of this.#lanes.values()) lane.start();
    for (const { queue, due } of await known(() => this.#queue.dueTimes()))
      this.#wake(queue, (due.getTime() - Date.now()) / 1000);
  }

  async stop(): Promise<void> {
    const lanes = [...this.#lanes.values()];
    for (const lane of lanes) lane.pause();
    const drained = Promise.all(lanes.map((lane) => lane.drained()));
    await Promise.race([drained, sleep(this.#options.drainMs ?? DRAIN_MS, undefined, { ref: false })]);
    this.#stopping.abort();
    await Promise.race([drained, sleep(ABORT_MS, undefined, { ref: false })]);
    this.#upkeep.stop();
    await Promise.allSettled(lanes.map((lane) => this.#queue.giveBack(lane.queueName, lane.active)));
    await this.#close();
  }

  listDeadLetters(limit = DEAD_LETTERS_LISTED, offset = 0): Promise<DeadLetter[]> {
    return known(() => this.#deadLetters.list(limit, offset));
  }

  getDeadLetter(id: string): Promise<DeadLetter> {
    return known(() => this.#deadLetters.get(id));
  }

  async redrive(id: string): Promise<DeadLetter> {
    const letter = await known(() =>
      this.#database.transaction('durable', async (tx) => {
        const removed = await this.#deadLetters.remove(tx, id);
        // A new job: the one of the first delivery is completed, and its id would make this one a repeat.
        await this.#queue.add(
          tx,
          removed.function,
          deterministicUuid('redrive', id),
          firstDelivery(removed.event, Date.now()),
        );
        return removed;
      }),
    );
    this.#wake(letter.function, 0);
    return letter;
  }

  discard(id: string): Promise<DeadLetter> {
    return known(() => this.#deadLetters.remove(this.#database.durable, id));
  }

  async ping(): Promise<void> {
    await known(() => this.#database.executeSql('select 1'));
  }

  #wake(queue: string, afterSeconds: number): void {
    const lane = this.#lanes.get(queue);
    if (afterSeconds <= 0) lane?.wake();
    else lane?.wakeAfter(afterSeconds * 1000);
  }

  #wakeAll(): void {
    for (const lane of this.#lanes.values()) lane.wake();
  }

  async #close(): Promise<void> {
    await this.#queue.close().catch(() => undefined);
    await this.#session.close();
    await this.#database.close();
  }
}

/** Runs, and turns what the driver throws into a SluiceError. */
async function known<T>(run: () => Promise<T>): Promise<T> {
  try {
    return await run();
  } catch (thrown) {
    throw databaseAway(thrown) ?? asSluiceError(thrown);
  }
}
