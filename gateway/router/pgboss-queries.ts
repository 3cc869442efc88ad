import type { Executor } from './router-connection.ts';

/**
 * The statements on pg-boss's tables that its API (12.33) cannot express. Everything else uses the API: see queues.ts.
 */

export const PGBOSS_SCHEMA = 'pgboss';

/**
 * Active jobs of all queues that were fetched at least `olderThanSeconds` ago. `findJobs` selects jobs by id, key, data
 * or `queued`, not by the state `active`; without a selection it returns all jobs of the last day with their data.
 */
export async function selectActiveJobs(
  executor: Executor,
  olderThanSeconds: number,
): Promise<{ queue: string; id: string }[]> {
  const { rows } = await executor.executeSql(
    `select name as queue, id
     from ${PGBOSS_SCHEMA}.job
     where state = 'active' and started_on <= now() - $1 * interval '1 second'`,
    [olderThanSeconds],
  );
  return rows as { queue: string; id: string }[];
}

/**
 * For each queue, when its next deferred job is due. `getQueueStats` counts deferred jobs without their time, and
 * `findJobs` with `queued` reads every waiting job with its data, which is unbounded.
 */
export async function selectNextDueTimes(executor: Executor): Promise<{ queue: string; due: Date }[]> {
  const { rows } = await executor.executeSql(
    `select name as queue, min(start_after) as due
     from ${PGBOSS_SCHEMA}.job
     where state < 'active' and start_after > now()
     group by name`,
  );
  return rows as { queue: string; due: Date }[];
}

/**
 * For each queue, for how long its oldest job that is due has been waiting. `getQueueStats` has no times. It reads only
 * waiting jobs, from the index of the fetch.
 */
export async function selectOldestWaiting(executor: Executor): Promise<{ queue: string; seconds: number }[]> {
  const { rows } = await executor.executeSql(
    `select name as queue, extract(epoch from now() - min(start_after))::float8 as seconds
     from ${PGBOSS_SCHEMA}.job
     where state < 'active' and not blocked and start_after <= now()
     group by name`,
  );
  return rows as { queue: string; seconds: number }[];
}

/**
 * Whether a job is in this state and was fetched this many times; the transaction that changed the job calls it.
 * `findJobs` would also read and parse the event of the job, at each outcome of a delivery.
 */
export async function hasState(
  executor: Executor,
  { queue, id, state, retryCount }: { queue: string; id: string; state: string; retryCount: number },
): Promise<boolean> {
  const { rows } = await executor.executeSql(
    `select 1 from ${PGBOSS_SCHEMA}.job where name = $1 and id = $2 and state = $3 and retry_count = $4`,
    [queue, id, state, retryCount],
  );
  return rows.length > 0;
}
