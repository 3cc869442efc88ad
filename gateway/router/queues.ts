import { PgBoss, type JobWithMetadata } from 'pg-boss';
import type { Env } from '#shared/config/env.ts';
import type { Logger } from '#shared/log/log.ts';
import type { QueueDatabase } from './database.ts';
import { type Executor, isDatabaseUnavailable } from './router-connection.ts';
import {
  hasState,
  PGBOSS_SCHEMA,
  selectActiveJobs,
  selectNextDueTimes,
  selectOldestWaiting,
} from './pgboss-queries.ts';

/** A job of pg-boss with typed data. */
export type Job<T extends object> = Pick<
  JobWithMetadata<T>,
  'id' | 'name' | 'data' | 'retryCount' | 'createdOn' | 'startAfter'
>;

/** The priorities of the jobs that a consumer fetches; all when empty. */
export interface Priorities {
  minPriority?: number;
  maxPriority?: number;
}

/** Part of the data of a job. */
export interface GivenBack {
  /** How often a router fetched the job and returned it, because it stopped or had no slot. Absent before that. */
  give_backs?: number | undefined;
}

/** Number of jobs of a queue. */
export interface QueueCounts {
  queue: string;
  waiting: number;
  running: number;
}

/** For how long the oldest job of a queue that is due has been waiting. */
export interface QueueAge {
  queue: string;
  seconds: number;
}

const DAY_SECONDS = 24 * 60 * 60;
/** How long a finished job is kept. During this time, publishing the same event again has no effect. */
const DEDUPLICATION_SECONDS = DAY_SECONDS;
/** pg-boss deletes jobs that wait longer than this. Ten years, so that no waiting job is deleted. */
const KEEP_WAITING_SECONDS = 3650 * DAY_SECONDS;
/** The router counts attempts itself. pg-boss's retries only return the jobs of ended processes to their queue. */
const PGBOSS_RETRY_LIMIT = 1_000_000;
/** A job without a heartbeat for this time belongs to a router that has ended, and is delivered again. */
const HEARTBEAT_SECONDS = 60;
/** How often a router renews the heartbeats of its jobs. */
export const RENEW_HEARTBEATS_MS = 15_000;
/** The longest expiration that pg-boss accepts. */
const MAX_EXPIRE_SECONDS = DAY_SECONDS;
/** Time after STEP_TIMEOUT_SECONDS until a job is delivered again even if its heartbeat is renewed. */
const EXPIRE_MARGIN_SECONDS = 600;
const MAINTENANCE_SECONDS = 30;

/** A transaction is rolled back with this error when another router has fetched the job in the meantime. */
export class DeliveryLost extends Error {}

/** The queues of the router, on pg-boss: one per function, and one for callbacks. */
export class Queues {
  #boss: PgBoss;
  #database: QueueDatabase;
  #names: string[] = [];
  #expireSeconds: number;

  constructor(
    database: QueueDatabase,
    env: Pick<Env, 'STEP_TIMEOUT_SECONDS'>,
    log: Logger,
    onNotification: (queue: string) => void,
    onReconnect: () => void,
  ) {
    this.#database = database;
    this.#expireSeconds = Math.min(MAX_EXPIRE_SECONDS, env.STEP_TIMEOUT_SECONDS + EXPIRE_MARGIN_SECONDS);
    this.#boss = new PgBoss({
      // pg-boss wakes only its own workers. The router has its own consumers, so it receives the notifications here.
      db: {
        executeSql: (text, values) => database.executeSql(text, values),
        listen: (channel) => database.listen(channel, onNotification, onReconnect),
      },
      schema: PGBOSS_SCHEMA,
      useListenNotify: true,
      schedule: false,
      superviseIntervalSeconds: MAINTENANCE_SECONDS,
      monitorIntervalSeconds: MAINTENANCE_SECONDS,
    });
    this.#boss.on('error', (reason) => {
      if (!isDatabaseUnavailable(reason)) log.error({ reason: reason.message }, 'Queue:Maintain:Failed');
    });
    this.#boss.on('warning', (warning) => log.warn(warning, 'Queue:Maintain:Warned'));
  }

  /** Creates or migrates the tables of pg-boss, and creates the queues. */
  async open(names: string[]): Promise<void> {
    await this.#boss.start();
    const options = {
      retryLimit: PGBOSS_RETRY_LIMIT,
      retryDelay: 0,
      retryBackoff: false,
      expireInSeconds: this.#expireSeconds,
      heartbeatSeconds: HEARTBEAT_SECONDS,
      retentionSeconds: KEEP_WAITING_SECONDS,
      deleteAfterSeconds: DEDUPLICATION_SECONDS,
      notify: true,
    };
    for (const name of names) {
      await this.#boss.createQueue(name, options);
      await this.#boss.updateQueue(name, options); // The queue may exist with the options of an older version.
    }
    this.#names = names;
  }

  /** Adds a job. Returns false, and changes nothing, if the queue has a job with this id. */
  async add(executor: Executor, queue: string, id: string, data: object, priority = 0): Promise<boolean> {
    const ids = await this.#boss.insert(queue, [{ id, data, priority }], { db: executor, returnId: true });
    return ids !== null && ids.length > 0;
  }

  /** Fetches up to `limit` jobs with these priorities that are due, oldest first, and marks them active. */
  fetch<T extends object>(queue: string, limit: number, priorities: Priorities = {}): Promise<Job<T>[]> {
    return this.#boss.fetch<T>(queue, {
      ...priorities,
      batchSize: limit,
      includeMetadata: true,
      db: this.#database.relaxed,
    });
  }

  /**
   * Marks a fetched job completed. Call it in a transaction: throws DeliveryLost if another router has fetched the job
   * since, and the transaction must then be rolled back.
   */
  async complete(transaction: Executor, job: Job<object>, output: object): Promise<void> {
    await this.#boss.complete(job.name, job.id, output, { db: transaction });
    await this.#assertHeld(transaction, job, 'completed');
  }

  /**
   * Returns a fetched job to its queue with new data, due after `afterSeconds`. Throws DeliveryLost as `complete` does.
   */
  async putBack(
    transaction: Executor,
    job: Job<object>,
    later: { afterSeconds: number; data: object; output: object },
  ): Promise<void> {
    const { name, id } = job;
    await this.#boss.fail(name, id, later.output, { db: transaction });
    await this.#assertHeld(transaction, job, 'retry');
    await this.#boss.update(name, later.data, { id, startAfter: later.afterSeconds, db: transaction });
  }

  /**
   * Returns a fetched job to its queue, due immediately. This fetch does not count as a crash of the router. Throws
   * DeliveryLost as `complete` does.
   */
  async giveBack(job: Job<object>): Promise<void> {
    const data = { ...job.data, give_backs: ((job.data as GivenBack).give_backs ?? 0) + 1 };
    await this.#database.transaction('relaxed', (tx) =>
      this.putBack(tx, job, { afterSeconds: 0, data, output: { given_back: true } }),
    );
  }

  /** Returns the jobs of dead routers to their queue, due immediately. */
  async returnAbandoned(queue: string, ids: string[], transaction: Executor): Promise<void> {
    if (ids.length > 0) await this.#boss.fail(queue, ids, { abandoned: true }, { db: transaction });
  }

  async renewHeartbeats(queue: string, ids: string[]): Promise<void> {
    if (ids.length > 0) await this.#boss.touch(queue, ids, { db: this.#database.relaxed });
  }

  /** Active jobs of all routers that were fetched at least `olderThanSeconds` ago. */
  listActive(olderThanSeconds: number, executor: Executor): Promise<{ queue: string; id: string }[]> {
    return selectActiveJobs(executor, olderThanSeconds);
  }

  /** For each queue with a job that is due in the future: when the first of them is due. */
  nextDueTimes(): Promise<{ queue: string; due: Date }[]> {
    return selectNextDueTimes(this.#database);
  }

  /** The counts of pg-boss's monitor, which are up to MAINTENANCE_SECONDS old. */
  counts(): Promise<QueueCounts[]> {
    return Promise.all(
      this.#names.map(async (queue) => {
        const [stats] = await this.#boss.getQueueStats(queue);
        return { queue, waiting: stats?.queuedCount ?? 0, running: stats?.activeCount ?? 0 };
      }),
    );
  }

  /** Queues without a waiting job that is due are left out. */
  oldestWaiting(): Promise<QueueAge[]> {
    return selectOldestWaiting(this.#database);
  }

  async close(): Promise<void> {
    await this.#boss.stop({ graceful: false, close: false });
  }

  /**
   * Called after a change of the job in the same transaction, which has locked its row. If this process was stopped for
   * longer than the heartbeat, another router may have fetched the job. Each fetch after a failure increments the retry
   * count, so the retry count serves as the fencing token of a job.
   */
  async #assertHeld(transaction: Executor, { name, id, retryCount }: Job<object>, state: string): Promise<void> {
    if (!(await hasState(transaction, { queue: name, id, state, retryCount })))
      throw new DeliveryLost(`Job ${id} of ${name} was fetched by another router.`);
  }
}
