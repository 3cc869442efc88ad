import type { SluiceEvent } from '#shared/events/event.ts';
import type { Stack } from '#shared/config/stack.ts';
import type { Executor } from './database.ts';
import { firstDelivery, jobIdOf } from './delivery.ts';
import type { RouterMetrics } from './metrics.ts';
import type { Queues } from './queues.ts';

/** Adds an event to the queue of each function that subscribes to its type. */
export class Publisher {
  #queues: Queues;
  #stack: Stack;
  #metrics: RouterMetrics;

  constructor(queues: Queues, stack: Stack, metrics: RouterMetrics) {
    this.#queues = queues;
    this.#stack = stack;
    this.#metrics = metrics;
  }

  subscribers(event: SluiceEvent): string[] {
    return this.#stack.subscribers(event.type);
  }

  /** Adds the jobs; a repeated event adds none. Returns the queues to wake after the transaction is committed. */
  async add(executor: Executor, event: SluiceEvent): Promise<string[]> {
    const queues: string[] = [];
    for (const name of this.subscribers(event)) {
      const added = await this.#queues.add(executor, name, jobIdOf(event, name), firstDelivery(event, Date.now()));
      this.#metrics.countPublished(added);
      if (added) queues.push(name);
    }
    return queues;
  }
}
