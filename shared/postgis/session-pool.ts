import pg from 'pg';
import type { Env } from '#shared/config/env.ts';

/** An idle connection keeps about 20 MB of the server; it is closed after this time. */
const IDLE_MS = 5 * 60_000;
/** A connection caches the catalog entries of all tables that it used, so it is replaced after this time. */
const LIFETIME_SECONDS = 3600;
/** More than all functions use at the same time, so that no session waits for another one. */
const MAX_CONNECTIONS = 200;

/** A connection of the pool. `release` is missing in the pool's own type. */
export type PooledClient = pg.Client & { release(destroy?: boolean): void };

/** Loads the libraries of PostGIS and GEOS, and opens PROJ's database. */
const WARM_UP = `select ST_IsValid(ST_Transform(ST_SetSRID(ST_MakePoint(0, 0), 3857), 4326))`;

/**
 * Connections that sessions use one after another. A new connection loads PostGIS (8 ms), opens PROJ's database (20 ms)
 * and reads the catalog (10 ms); a used one has done so. Settings, temporary tables and prepared statements are
 * discarded between sessions.
 */
export class SessionPool {
  #pool: pg.Pool;
  #taken = new Set<PooledClient>();

  /** `connectMs`: time limit of a connection attempt; 0 for that of the network. */
  constructor(connectionString: string, connectMs: number) {
    this.#pool = new pg.Pool({
      connectionString,
      connectionTimeoutMillis: connectMs,
      keepAlive: true,
      max: MAX_CONNECTIONS,
      idleTimeoutMillis: IDLE_MS,
      maxLifetimeSeconds: LIFETIME_SECONDS,
      allowExitOnIdle: true,
    });
    this.#pool.on('error', () => undefined); // An idle connection failed. The pool has removed it.
  }

  /** A connection for one session. End the use with `giveBack` or `end`. */
  async take(): Promise<PooledClient> {
    const client = (await this.#pool.connect()) as unknown as PooledClient;
    this.#taken.add(client);
    // The pending query rejects with the same error.
    if (client.listenerCount('error') === 0) client.on('error', ignore);
    return client;
  }

  /** Keeps the connection for the next session, or closes it when a statement still runs on it. Never rejects. */
  async giveBack(client: PooledClient): Promise<void> {
    if (!isIdle(client)) return this.end(client);
    try {
      await client.query('discard all'); // Fails in a transaction, and on a closed connection.
    } catch {
      return this.end(client);
    }
    if (this.#taken.delete(client)) client.release();
  }

  /** Closes the connection. A running statement ends with an error. */
  end(client: PooledClient): void {
    if (this.#taken.delete(client)) client.release(true);
  }

  /** Opens a connection for the first session. */
  async warmUp(): Promise<void> {
    await this.#pool.query(WARM_UP);
  }

  /** Closes all connections, including those in use. */
  async close(): Promise<void> {
    for (const client of this.#taken) this.end(client);
    await this.#pool.end();
  }
}

function ignore(): void {}

/** Whether the last statement has ended, and no COPY is in progress. */
function isIdle(client: PooledClient): boolean {
  return (client as unknown as { readyForQuery: boolean }).readyForQuery;
}

/** Fewest rows for parallel workers. For fewer rows, starting them takes longer than the query. */
const MIN_PARALLEL_ROWS = 20_000;
/** Enough to sort about 100,000 polygons in memory. A session runs one statement at a time. */
const WORK_MEMORY = '256MB';

/**
 * SQL that configures a session for statements on whole tables of `rowCount` rows. The parallel costs are 0, because a
 * PostGIS function costs far more than passing a row between processes, which the planner's defaults do not reflect.
 * lz4 compresses large geometries several times faster than the default; it is set where the server supports it.
 */
export function sessionSettings(env: Pick<Env, 'CORES'>, rowCount: number): string {
  const parallel =
    rowCount < MIN_PARALLEL_ROWS
      ? 'set max_parallel_workers_per_gather = 0'
      : `set max_parallel_workers_per_gather = ${env.CORES}; set parallel_setup_cost = 0;
         set parallel_tuple_cost = 0; set min_parallel_table_scan_size = 0`;
  return `set jit = off; set client_min_messages = warning; set work_mem = '${WORK_MEMORY}'; ${parallel};
    select set_config('default_toast_compression', 'lz4', false) from pg_settings
    where name = 'default_toast_compression' and 'lz4' = any(enumvals)`;
}
