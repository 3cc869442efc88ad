import type { SluiceEvent } from '#shared/events/event.ts';
import type { Stack } from '#shared/config/stack.ts';
import type { Executor } from './router-connection.ts';
import type { Env } from '#shared/config/env.ts';
import type { AlertQueue } from './alert-queue.ts';
import { firstDelivery, jobIdOf, priorityOf } from './delivery-data.ts';
import type { RouterMetrics } from './metrics.ts';
import type { Queues } from './queues.ts';

/** A queue with a new job. */
export interface Wakeup {
  queue: string;
  /** Priority of the delivery. Without it, all consumers of the queue are woken. */
  priority?: number;
}

/** What `add` stored in a transaction, which may still be rolled back. */
export interface Publication {
  event: SluiceEvent;
  /** For each subscriber: false if its queue had the event. */
  added: boolean[];
  /** What to wake after the transaction is committed. */
  wakeups: Wakeup[];
}

interface PublisherParts {
  queues: Queues;
  stack: Stack;
  metrics: RouterMetrics;
  env: Pick<Env, 'SMALL_INPUT_BYTES'>;
  /** Undefined if alerts are switched off. */
  alerts: AlertQueue | undefined;
}

/** Adds an event to the queue of each function that subscribes to its type. */
export class Publisher {
  #queues: Queues;
  #stack: Stack;
  #metrics: RouterMetrics;
  #env: Pick<Env, 'SMALL_INPUT_BYTES'>;
  #alerts: AlertQueue | undefined;

  constructor({ queues, stack, metrics, env, alerts }: PublisherParts) {
    this.#queues = queues;
    this.#stack = stack;
    this.#metrics = metrics;
    this.#env = env;
    this.#alerts = alerts;
  }

  subscribers(event: SluiceEvent): string[] {
    return this.#stack.subscribers(event.type);
  }

  /** Adds the jobs; a repeated event adds none. Call `count` after the transaction is committed. */
  async add(executor: Executor, event: SluiceEvent): Promise<Publication> {
    // First, and again for a repeated event: the caller repeats an event whose publication it could not confirm.
    const alerted = (await this.#alerts?.addForEvent(executor, event)) ?? [];
    const wakeups: Wakeup[] = alerted.map((queue) => ({ queue }));
    const outcomes: boolean[] = [];
    for (const name of this.subscribers(event)) {
      const fn = this.#stack.find(name);
      const priority = fn === undefined ? 0 : priorityOf(event, fn, this.#env);
      const delivery = firstDelivery(event, Date.now());
      const added = await this.#queues.add(executor, name, jobIdOf(event, name), delivery, priority);
      outcomes.push(added);
      if (added) wakeups.push({ queue: name, priority });
    }
    return { event, added: outcomes, wakeups };
  }

  /** Counts a publication in the metrics. A transaction that was rolled back is repeated and must not count twice. */
  count({ event, added }: Publication): void {
    for (const isNew of added) this.#metrics.countPublished(event, isNew);
  }
}
