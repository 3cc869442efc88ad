import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { isDatabaseUnavailable } from './database-status.ts';
import { type Queues, RENEW_HEARTBEATS_MS } from './queues.ts';
import type { RouterConnection } from './router-connection.ts';

interface ActiveJobs {
  queueName: string;
  /** Ids of the jobs that this router is running. */
  active: string[];
}

/** A job that was fetched within this time may not yet be in the list of its consumer. */
const FETCH_MARGIN_SECONDS = 30;

/**
 * Renews the heartbeats of this router's jobs, and returns the jobs of dead routers to their queues. If this is the
 * only router (embedded operation, after kill -9), it returns them immediately. Otherwise pg-boss returns them when
 * their heartbeat has expired.
 */
export class DeliveryRecovery {
  #queues: Queues;
  #connection: RouterConnection;
  #consumers: () => ActiveJobs[];
  #log: Logger;
  #timer: NodeJS.Timeout | undefined;

  constructor(queues: Queues, connection: RouterConnection, consumers: () => ActiveJobs[], log: Logger) {
    this.#queues = queues;
    this.#connection = connection;
    this.#consumers = consumers;
    this.#log = log;
  }

  async start(): Promise<void> {
    await this.#connection.runIfOnlyRouter(() => this.#returnAbandonedJobs(0));
    this.#timer = setInterval(() => void this.#tick(), RENEW_HEARTBEATS_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #tick(): Promise<void> {
    try {
      for (const { queueName, active } of this.#consumers()) await this.#queues.renewHeartbeats(queueName, active);
      await this.#connection.runIfOnlyRouter(() => this.#returnAbandonedJobs(FETCH_MARGIN_SECONDS));
    } catch (thrown) {
      if (!isDatabaseUnavailable(thrown))
        this.#log.error({ reason: asSluiceError(thrown).message }, 'Delivery:Recover:Failed');
    }
  }

  async #returnAbandonedJobs(olderThanSeconds: number): Promise<void> {
    const active = await this.#queues.listActive(olderThanSeconds);
    const own = new Set(this.#consumers().flatMap((consumer) => consumer.active));
    const abandoned = active.filter((job) => !own.has(job.id));
    for (const name of new Set(abandoned.map((job) => job.queue))) {
      const ids = abandoned.filter((job) => job.queue === name).map((job) => job.id);
      await this.#queues.giveBack(name, ids);
      this.#log.info({ function: name, jobs: ids.length }, 'Delivery:Recover:Done');
    }
  }
}
