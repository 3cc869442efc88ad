import pg from 'pg';
import { databaseFailure } from '#shared/errors/database-failure.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { ignoreError } from '#shared/streams/file-streams.ts';

/** An SQL statement. A statement with a name is parsed once per connection. */
export interface Statement {
  name?: string;
  text: string;
}

/** Operations take about a millisecond, so a few connections suffice. On a cluster, every function has its own pool. */
const MAX_CONNECTIONS = 8;
const CONNECT_TIMEOUT_MS = 10_000;
/** An operation that takes longer waits for the row lock of a suspended process. */
const STATEMENT_TIMEOUT_MS = 30_000;

const UNIQUE_VIOLATION = '23505';
const QUERY_CANCELED = '57014';

/** The connection pool of a ledger. After a restart of the server, the next operation connects again. */
export class Database {
  readonly #pool: pg.Pool;

  constructor(url: string) {
    this.#pool = new pg.Pool({
      connectionString: url,
      application_name: 'sluice:ledger',
      max: MAX_CONNECTIONS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
    });
    this.#pool.on('error', () => undefined); // An idle connection was lost; the next operation opens another one.
  }

  /** Executes one statement as one transaction. Throws DATABASE_UNAVAILABLE, DISK_FULL; other errors are INTERNAL. */
  async query<R extends pg.QueryResultRow>(statement: Statement, values: unknown[] = []): Promise<R[]> {
    try {
      return (await this.#pool.query<R>({ ...statement, values })).rows;
    } catch (thrown) {
      throw databaseError(thrown);
    }
  }

  /** The column `doc` of each row. */
  async documents<D>(statement: Statement, values: unknown[] = []): Promise<D[]> {
    return (await this.query<{ doc: D }>(statement, values)).map((row) => row.doc);
  }

  /** A connection of its own. The caller must release it. Throws DATABASE_UNAVAILABLE. */
  async connect(): Promise<pg.PoolClient> {
    try {
      const client = await this.#pool.connect();
      // The running query rejects with the same error. Without a listener, a lost connection would end the process.
      if (client.listenerCount('error') === 0) client.on('error', ignoreError);
      return client;
    } catch (thrown) {
      throw databaseError(thrown);
    }
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

/** The error of the driver as a SluiceError. */
export function databaseError(thrown: unknown): SluiceError {
  const code = thrown instanceof Error ? (thrown as { code?: string }).code : undefined;
  if (code !== QUERY_CANCELED) return databaseFailure(thrown) ?? asSluiceError(thrown);
  return new SluiceError(
    'DATABASE_UNAVAILABLE',
    `PostgreSQL did not finish an operation of the ledger within ${STATEMENT_TIMEOUT_MS / 1000} s.`,
    { cause: thrown },
  );
}

/** True when a unique index rejected the write. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof SluiceError && (error.cause as { code?: string } | undefined)?.code === UNIQUE_VIOLATION;
}
