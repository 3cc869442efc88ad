import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { type Executor, isDatabaseUnavailable, type RouterConnection } from './router-connection.ts';
import { type Queues, RENEW_HEARTBEATS_MS } from './queues.ts';

interface ActiveJobs {
  queueName: string;
  /** Ids of the jobs that this router is running. */
  active: string[];
  /** Seconds since the start of the current fetch of the consumer; 0 without one. */
  fetchSeconds: number;
}

/** A job of a fetch that is running is not yet in the list of its consumer. This is added to the time of the fetch. */
const FETCH_MARGIN_SECONDS = 1;
/** A fetch that takes longer has lost its connection. */
const MAX_FETCH_SECONDS = 30;
/** Delay after a reconnection. A job that was fetched before the connection broke is then older than the margin. */
const RECONNECTED_MS = 2_000;

/**
 * Renews the heartbeats of this router's jobs, and returns the jobs of routers that have ended to their queues, and
 * those whose fetch committed without a reply, because PostgreSQL crashed. If this is the only router (embedded
 * operation, after kill -9), it returns them at the start and seconds after a reconnection. Otherwise pg-boss returns
 * them when their heartbeat has expired.
 */
export class DeliveryRecovery {
  #queues: Queues;
  #connection: RouterConnection;
  #consumers: () => ActiveJobs[];
  #log: Logger;
  #timer: NodeJS.Timeout | undefined;
  #reconnected: NodeJS.Timeout | undefined;
  #isChecking = false;

  constructor(queues: Queues, connection: RouterConnection, consumers: () => ActiveJobs[], log: Logger) {
    this.#queues = queues;
    this.#connection = connection;
    this.#consumers = consumers;
    this.#log = log;
  }

  async start(): Promise<void> {
    await this.#connection.runIfOnlyRouter((transaction) => this.#returnAbandonedJobs(transaction, 0));
    this.#timer = setInterval(() => void this.#tick(), RENEW_HEARTBEATS_MS);
  }

  /** Call it after every connection to the database. */
  onReconnect(): void {
    if (this.#timer === undefined) return;
    clearTimeout(this.#reconnected);
    this.#reconnected = setTimeout(() => void this.#tick(), RECONNECTED_MS);
  }

  stop(): void {
    clearInterval(this.#timer);
    clearTimeout(this.#reconnected);
    this.#timer = undefined;
  }

  /** Calls do not overlap, because the check uses one transaction of one connection. */
  async #tick(): Promise<void> {
    if (this.#isChecking) return;
    this.#isChecking = true;
    try {
      for (const { queueName, active } of this.#consumers()) await this.#queues.renewHeartbeats(queueName, active);
      await this.#connection.runIfOnlyRouter((transaction) =>
        this.#returnAbandonedJobs(transaction, this.#fetchMargin()),
      );
    } catch (thrown) {
      if (!isDatabaseUnavailable(thrown))
        this.#log.error({ reason: asSluiceError(thrown).message }, 'Delivery:Recover:Failed');
    } finally {
      this.#isChecking = false;
    }
  }

  /** Jobs that were fetched longer ago are in the list of their consumer, or the reply of their fetch was lost. */
  #fetchMargin(): number {
    const longest = Math.max(0, ...this.#consumers().map(({ fetchSeconds }) => fetchSeconds));
    return Math.min(longest, MAX_FETCH_SECONDS) + FETCH_MARGIN_SECONDS;
  }

  async #returnAbandonedJobs(transaction: Executor, olderThanSeconds: number): Promise<void> {
    const active = await this.#queues.listActive(olderThanSeconds, transaction);
    const own = new Set(this.#consumers().flatMap((consumer) => consumer.active));
    const abandoned = active.filter((job) => !own.has(job.id));
    for (const name of new Set(abandoned.map((job) => job.queue))) {
      const ids = abandoned.filter((job) => job.queue === name).map((job) => job.id);
      await this.#queues.returnAbandoned(name, ids, transaction);
      this.#log.info({ function: name, jobs: ids.length }, 'Delivery:Recover:Done');
    }
  }
}
