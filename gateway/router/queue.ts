import { PgBoss, type JobWithMetadata } from 'pg-boss';
import type { Env } from '#shared/config/env.ts';
import type { Logger } from '#shared/log/log.ts';
import { databaseAway } from './database-errors.ts';
import type { Executor, QueueDatabase } from './database.ts';

/** A job as the router handles it: pg-boss's, with its data typed. */
export type Job<T extends object> = Pick<
  JobWithMetadata<T>,
  'id' | 'name' | 'data' | 'retryCount' | 'startAfter' | 'createdOn'
>;

export interface Backlog {
  queue: string;
  state: 'waiting' | 'running';
  count: number;
}

const SCHEMA = 'pgboss';
const DAY_SECONDS = 24 * 60 * 60;
/** A finished job is kept so long, and so long a repeat of its event adds nothing. After that, handlers find the step done. */
const DEDUPE_SECONDS = DAY_SECONDS;
/** A job that waits is never dropped: pg-boss's limit is put out of reach. */
const KEEP_WAITING_SECONDS = 3650 * DAY_SECONDS;
/** The router counts tries itself; pg-boss's own retries only bring back what a dead process left. */
const PGBOSS_RETRY_LIMIT = 1_000_000;
/** A job without a sign of life for so long is delivered again: its router died and another one lives. */
const HEARTBEAT_SECONDS = 60;
/** How often a router says that its jobs are alive. */
export const TOUCH_EVERY_MS = 15_000;
/** pg-boss refuses more than a day. */
const EXPIRE_MAX_SECONDS = DAY_SECONDS;
/** Time past STEP_TIMEOUT_SECONDS after which a job counts as lost even if its router still says it is alive. */
const EXPIRE_MARGIN_SECONDS = 600;
const SUPERVISE_SECONDS = 30;

/** The queues: one for each function that is called, on pg-boss. */
export class Queue {
  #boss: PgBoss;
  #database: QueueDatabase;
  #expireSeconds: number;

  constructor(
    database: QueueDatabase,
    env: Pick<Env, 'STEP_TIMEOUT_SECONDS'>,
    log: Logger,
    onNotification: (queue: string) => void,
    onReconnect: () => void,
  ) {
    this.#database = database;
    this.#expireSeconds = Math.min(EXPIRE_MAX_SECONDS, env.STEP_TIMEOUT_SECONDS + EXPIRE_MARGIN_SECONDS);
    this.#boss = new PgBoss({
      // pg-boss wakes only its own workers; the router has its own loops, so it takes the notifications here.
      db: {
        executeSql: (text, values) => database.executeSql(text, values),
        listen: (channel) => database.listen(channel, onNotification, onReconnect),
      },
      schema: SCHEMA,
      useListenNotify: true,
      schedule: false,
      superviseIntervalSeconds: SUPERVISE_SECONDS,
      monitorIntervalSeconds: SUPERVISE_SECONDS,
    });
    this.#boss.on('error', (reason) => {
      if (!databaseAway(reason)) log.error({ reason: reason.message }, 'Queue:Upkeep:Failed');
    });
    this.#boss.on('warning', (warning) => log.warn(warning, 'Queue:Upkeep:Warning'));
  }

  /** Creates or updates the tables of pg-boss, and the queues. */
  async open(queues: string[]): Promise<void> {
    await this.#boss.start();
    const options = {
      retryLimit: PGBOSS_RETRY_LIMIT,
      retryDelay: 0,
      retryBackoff: false,
      expireInSeconds: this.#expireSeconds,
      heartbeatSeconds: HEARTBEAT_SECONDS,
      retentionSeconds: KEEP_WAITING_SECONDS,
      deleteAfterSeconds: DEDUPE_SECONDS,
      notify: true,
    };
    for (const queue of queues) {
      await this.#boss.createQueue(queue, options);
      await this.#boss.updateQueue(queue, options); // Of an older version, maybe.
    }
  }

  /** Adds a job, unless its id was there before. True when it is new. */
  async add(executor: Executor, queue: string, id: string, data: object): Promise<boolean> {
    const ids = await this.#boss.insert(queue, [{ id, data }], { db: executor, returnId: true });
    return ids !== null && ids.length > 0;
  }

  /** Takes up to `limit` jobs that are due, oldest first, and marks them active. */
  fetch<T extends object>(queue: string, limit: number): Promise<Job<T>[]> {
    return this.#boss.fetch<T>(queue, { batchSize: limit, includeMetadata: true, db: this.#database.relaxed });
  }

  /**
   * Locks a job for the transaction, and says whether it is still ours. When this process was frozen for longer than its heartbeat, the
   * job was given to another router; each fetch raises retry_count, which so is the fencing token of a job.
   */
  async holds(executor: Executor, job: Pick<Job<object>, 'name' | 'id' | 'retryCount'>): Promise<boolean> {
    const sql = `select 1 from ${SCHEMA}.job where name = $1 and id = $2 and state = 'active' and retry_count = $3 for update`;
    return (await executor.executeSql(sql, [job.name, job.id, job.retryCount])).rows.length > 0;
  }

  /** Marks an active job completed. */
  async complete(executor: Executor, queue: string, id: string, output: object): Promise<void> {
    await this.#boss.complete(queue, id, output, { db: executor });
  }

  /** Puts an active job back with new data, to be due after a while. `output` is kept beside it. */
  async putBack(
    executor: Executor,
    queue: string,
    id: string,
    later: { afterSeconds: number; data: object; output: object },
  ): Promise<void> {
    await this.#boss.fail(queue, id, later.output, { db: executor });
    await this.#boss.update(queue, later.data, { id, startAfter: later.afterSeconds, db: executor });
  }

  /** Puts active jobs back as they are, due at once. */
  async giveBack(queue: string, ids: string[]): Promise<void> {
    if (ids.length > 0) await this.#boss.fail(queue, ids, { given_back: true }, { db: this.#database.relaxed });
  }

  async touch(queue: string, ids: string[]): Promise<void> {
    if (ids.length > 0) await this.#boss.touch(queue, ids, { db: this.#database.relaxed });
  }

  /** The active jobs of all routers that were fetched so long ago. */
  async active(olderThanSeconds: number): Promise<{ queue: string; id: string }[]> {
    const sql = `select name as queue, id from ${SCHEMA}.job where state = 'active' and started_on <= now() - $1 * interval '1 second'`;
    const { rows } = await this.#database.executeSql(sql, [olderThanSeconds]);
    return rows as { queue: string; id: string }[];
  }

  /** When the next job of each queue is due that is not due yet. */
  async dueTimes(): Promise<{ queue: string; due: Date }[]> {
    const { rows } = await this.#database.executeSql(
      `select name as queue, min(start_after) as due from ${SCHEMA}.job where state < 'active' and start_after > now() group by name`,
    );
    return rows as { queue: string; due: Date }[];
  }

  async backlog(): Promise<Backlog[]> {
    const { rows } = await this.#database.executeSql(
      `select name as queue, case state when 'active' then 'running' else 'waiting' end as state, count(*)::int as count from ${SCHEMA}.job where state <= 'active' group by 1, 2`,
    );
    return rows as Backlog[];
  }

  async close(): Promise<void> {
    await this.#boss.stop({ graceful: false, close: false });
  }
}
