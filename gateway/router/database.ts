import pg from 'pg';
import { databaseFailure } from '#shared/errors/database-failure.ts';
import type { BossDatabase, DatabaseStatus, Executor, ListenHandle, RouterConnection } from './router-connection.ts';

/** Connections per pool. The router's statements are short, so a few connections are enough. */
export const POOL_SIZE = 6;
/** A server that does not respond within this time counts as unavailable; the connection is closed. */
const QUERY_TIMEOUT_MS = 30_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** PostgreSQL ends a transaction of a suspended router after this time, so that its row locks do not stop others. */
const IDLE_TRANSACTION_MS = 30_000;

/**
 * The control database, for pg-boss and for the router. Statements with values are prepared, because each delivery
 * repeats them.
 *
 * There are two pools. `durable` waits until PostgreSQL has written a commit to disk; it stores events that a client
 * published. `relaxed` does not wait (synchronous_commit=off), which saves a disk flush per step. When the server
 * crashes, the newest transactions of `relaxed` are lost as a whole: their events are delivered again, and the handlers
 * return their recorded replies.
 */
export class QueueDatabase implements BossDatabase {
  readonly durable: Executor;
  readonly relaxed: Executor;
  #pools: pg.Pool[];
  #durablePool: pg.Pool;
  #relaxedPool: pg.Pool;
  #status: DatabaseStatus;
  #connection: RouterConnection;
  #backends = new Set<number>();

  constructor(url: string, connection: RouterConnection, status: DatabaseStatus) {
    this.#status = status;
    this.#connection = connection;
    this.#durablePool = this.#openPool(url);
    this.#relaxedPool = this.#openPool(url, 'set synchronous_commit = off');
    this.#pools = [this.#durablePool, this.#relaxedPool];
    this.durable = {
      executeSql: (text, values) => this.#trackStatus(() => this.#durablePool.query(statement(text, values))),
    };
    this.relaxed = {
      executeSql: (text, values) => this.#trackStatus(() => this.#relaxedPool.query(statement(text, values))),
    };
  }

  /** Used by pg-boss for its schema and its maintenance. */
  executeSql(text: string, values?: unknown[]): Promise<{ rows: unknown[] }> {
    return this.#trackStatus(() => this.#durablePool.query(text, values));
  }

  /** Runs `work` in one transaction. */
  async transaction<T>(durability: 'durable' | 'relaxed', work: (executor: Executor) => Promise<T>): Promise<T> {
    const pool = durability === 'durable' ? this.#durablePool : this.#relaxedPool;
    return this.#trackStatus(async () => {
      const client = await pool.connect();
      try {
        await client.query('begin');
        const result = await work({ executeSql: (text, values) => client.query(statement(text, values)) });
        await client.query('commit');
        client.release();
        return result;
      } catch (thrown) {
        // If the rollback fails, the state of the connection is unknown: close it, and the server rolls back.
        const rolledBack = await client.query('rollback').then(
          () => true,
          () => false,
        );
        client.release(!rolledBack);
        throw thrown;
      }
    });
  }

  /** Called by pg-boss. Ignores notifications of this router's own statements: it wakes its consumers itself. */
  listen(channel: string, onNotification: (payload: string) => void, onReconnect: () => void): Promise<ListenHandle> {
    return this.#connection.listen(
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

  #openPool(connectionString: string, setting?: string): pg.Pool {
    const pool = new pg.Pool({
      connectionString,
      max: POOL_SIZE,
      application_name: 'sluice:router',
      query_timeout: QUERY_TIMEOUT_MS,
      idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      // eslint-disable-next-line @typescript-eslint/no-misused-promises -- pg-pool awaits it; its types omit that.
      onConnect: async (client: pg.ClientBase) => {
        client.on('error', () => undefined); // The running statement rejects with the same error.
        this.#backends.add(backendOf(client));
        if (setting) await client.query(setting);
      },
    });
    pool.on('error', () => undefined); // An idle connection failed; the next statement opens another one.
    pool.on('remove', (client) => this.#backends.delete(backendOf(client)));
    return pool;
  }

  async #trackStatus<T>(run: () => Promise<T>): Promise<T> {
    try {
      const result = await run();
      this.#status.markAvailable();
      return result;
    } catch (thrown) {
      const failure = databaseFailure(thrown);
      if (failure?.code === 'DATABASE_UNAVAILABLE') this.#status.markUnavailable(thrown);
      throw failure ?? thrown;
    }
  }
}

const statementNames = new Map<string, string>();

/** A prepared statement if it has values: pg-boss uses few statement texts, and they are long. */
function statement(text: string, values?: unknown[]): pg.QueryConfig {
  if (values === undefined) return { text };
  const name = statementNames.get(text) ?? `sluice_${statementNames.size}`;
  statementNames.set(text, name);
  return { name, text, values };
}

/** Process id of the server process of a connection. `@types/pg` omits the property. */
function backendOf(client: pg.ClientBase): number {
  return (client as unknown as { processID: number }).processID;
}
