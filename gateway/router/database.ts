import type { ConstructorOptions } from 'pg-boss';
import pg from 'pg';
import type { Availability } from './database-status.ts';
import { databaseAway } from './database-errors.ts';
import type { ListenHandle, RouterSession } from './listen-connection.ts';

/** pg-boss's port to a database. */
type BossDatabase = NonNullable<ConstructorOptions['db']>;
/** The transaction or pool that a statement runs in. */
export type Executor = Pick<BossDatabase, 'executeSql'>;

/** Connections for statements that the router issues while it works; each statement is short. */
const POOL_SIZE = 6;
/** A server that does not answer for so long counts as away; the connection is dropped. */
const QUERY_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;

/**
 * The control database for pg-boss and the router. Statements with values are prepared, for they repeat with each hop.
 *
 * Two pools. `durable` waits until PostgreSQL has written a commit to disk: what was accepted from outside. `relaxed` does not
 * wait (synchronous_commit=off): if the server crashes, the newest settlements are forgotten as a whole, their jobs are delivered
 * again, and handlers answer what they recorded. That saves a disk flush in each step of a run.
 */
export class QueueDatabase implements BossDatabase {
  readonly durable: Executor;
  readonly relaxed: Executor;
  #pools: pg.Pool[];
  #durablePool: pg.Pool;
  #relaxedPool: pg.Pool;
  #availability: Availability;
  #session: RouterSession;
  #backends = new Set<number>();

  constructor(url: string, session: RouterSession, availability: Availability) {
    this.#availability = availability;
    this.#session = session;
    this.#durablePool = this.#pool(url);
    this.#relaxedPool = this.#pool(url, 'set synchronous_commit = off');
    this.#pools = [this.#durablePool, this.#relaxedPool];
    this.durable = {
      executeSql: (text, values) => this.#watched(() => this.#durablePool.query(statement(text, values))),
    };
    this.relaxed = {
      executeSql: (text, values) => this.#watched(() => this.#relaxedPool.query(statement(text, values))),
    };
  }

  /** What pg-boss itself uses, for its schema and upkeep. */
  executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
    return this.#watched(() => this.#durablePool.query(text, values));
  }

  /** Runs `work` in one transaction. */
  async transaction<T>(durability: 'durable' | 'relaxed', work: (executor: Executor) => Promise<T>): Promise<T> {
    const pool = durability === 'durable' ? this.#durablePool : this.#relaxedPool;
    return this.#watched(async () => {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const result = await work({ executeSql: (text, values) => client.query(statement(text, values)) });
        await client.query('commit');
        client.release();
        return result;
      } catch (thrown) {
        // A connection in an unknown state is closed; the server rolls back.
        const rolledBack = await client.query('rollback').then(
          () => true,
          () => false,
        );
        client.release(!rolledBack);
        throw thrown;
      }
    });
  }

  /** pg-boss calls this with its channel; notifications of our own statements are dropped, for the router wakes itself. */
  listen(channel: string, onNotification: (payload: string) => void, onReconnect: () => void): Promise<ListenHandle> {
    return this.#session.listen(
      channel,
      (payload, backend) => {
        if (!this.#backends.has(backend)) onNotification(payload);
      },
      onReconnect,
    );
  }

  async close(): Promise<void> {
    await Promise.all(this.#pools.map((pool) => pool.end()));
  }

  #pool(connectionString: string, setting?: string): pg.Pool {
    const pool = new pg.Pool({
      connectionString,
      max: POOL_SIZE,
      application_name: 'sluice:router',
      query_timeout: QUERY_TIMEOUT_MS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      // eslint-disable-next-line @typescript-eslint/no-misused-promises -- pg-pool awaits the promise; its types omit it.
      onConnect: async (client: pg.ClientBase) => {
        client.on('error', () => undefined); // The statement that runs rejects with the same error.
        this.#backends.add(backendOf(client));
        if (setting) await client.query(setting);
      },
    });
    pool.on('error', () => undefined); // An idle connection broke; the next statement opens another.
    pool.on('remove', (client) => this.#backends.delete(backendOf(client)));
    return pool;
  }

  async #watched<T>(run: () => Promise<T>): Promise<T> {
    try {
      const result = await run();
      this.#availability.up();
      return result;
    } catch (thrown) {
      const away = databaseAway(thrown);
      if (away) this.#availability.down(thrown);
      throw away ?? thrown;
    }
  }
}

const names = new Map<string, string>();

/** A prepared statement, when it has values: pg-boss's texts are few, long and the same each time. */
function statement(text: string, values?: unknown[]): pg.QueryConfig {
  if (values === undefined) return { text };
  const name = names.get(text) ?? `sluice_${names.size}`;
  names.set(text, name);
  return { name, text, values };
}

/** Process id of the server process behind a connection; `@types/pg` leaves it out. */
function backendOf(client: pg.ClientBase): number {
  return (client as unknown as { processID: number }).processID;
}
