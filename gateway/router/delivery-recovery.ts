import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { databaseAway } from './database-errors.ts';
import { type Queue, TOUCH_EVERY_MS } from './queue.ts';
import type { RouterSession } from './listen-connection.ts';

interface Lane {
  queueName: string;
  active: string[];
}

/** A job that was fetched so recently may be on its way to a lane. */
const IN_TRANSIT_SECONDS = 30;

/**
 * Keeps the jobs of this router marked as alive, and brings back the ones of routers that died: at once when this router is the only
 * one (the embedded case after kill -9), else when their heartbeat has stopped, which pg-boss watches.
 */
export class Upkeep {
  #queue: Queue;
  #session: RouterSession;
  #lanes: () => Lane[];
  #log: Logger;
  #timer: NodeJS.Timeout | undefined;

  constructor(queue: Queue, session: RouterSession, lanes: () => Lane[], log: Logger) {
    this.#queue = queue;
    this.#session = session;
    this.#lanes = lanes;
    this.#log = log;
  }

  async start(): Promise<void> {
    await this.#session.alone(() => this.#bringBack(0));
    this.#timer = setInterval(() => void this.#tick(), TOUCH_EVERY_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #tick(): Promise<void> {
    try {
      for (const lane of this.#lanes()) await this.#queue.touch(lane.queueName, lane.active);
      await this.#session.alone(() => this.#bringBack(IN_TRANSIT_SECONDS));
    } catch (thrown) {
      if (!databaseAway(thrown)) this.#log.error({ reason: asSluiceError(thrown).message }, 'Router:Upkeep:Failed');
    }
  }

  async #bringBack(olderThanSeconds: number): Promise<void> {
    const abandoned = await this.#queue.active(olderThanSeconds);
    const ours = new Set(this.#lanes().flatMap((lane) => lane.active));
    const orphans = abandoned.filter((job) => !ours.has(job.id));
    for (const name of new Set(orphans.map((job) => job.queue))) {
      const ids = orphans.filter((job) => job.queue === name).map((job) => job.id);
      await this.#queue.giveBack(name, ids);
      this.#log.info({ function: name, jobs: ids.length }, 'Router:Recover:Done');
    }
  }
}
