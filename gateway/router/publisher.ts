import type { SluiceEvent } from '#shared/events/event.ts';
import type { Stack } from '../stack.ts';
import type { Executor } from './database.ts';
import { firstDelivery, jobIdOf } from './delivery.ts';
import type { RouterMetrics } from './metrics.ts';
import type { Queue } from './queue.ts';

/** Turns an event into one job for each function that receives its type. */
export class Publisher {
  #queue: Queue;
  #stack: Stack;
  #metrics: RouterMetrics;

  constructor(queue: Queue, stack: Stack, metrics: RouterMetrics) {
    this.#queue = queue;
    this.#stack = stack;
    this.#metrics = metrics;
  }

  subscribers(event: SluiceEvent): string[] {
    return this.#stack.subscribers(event.type);
  }

  /** Adds the jobs; a repeat adds none. Returns the functions that got one, to be woken when the transaction is committed. */
  async add(executor: Executor, event: SluiceEvent): Promise<string[]> {
    const woken: string[] = [];
    for (const name of this.subscribers(event)) {
      const added = await this.#queue.add(executor, name, jobIdOf(event, name), firstDelivery(event, Date.now()));
      this.#metrics.published(added);
      if (added) woken.push(name);
    }
    return woken;
  }
}
