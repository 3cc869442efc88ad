import { databaseFailure } from '#shared/errors/database-failure.ts';
import pg from 'pg';
import { databaseFailure } from '#shared/errors/database-failure.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { CREATE_TABLES } from './tables.ts';

/** An SQL statement. With a name, each connection parses it once. */
export interface Statement {
  name?: string;
  text: string;
}

/** Sessions of one process: operations take about a millisecond, so a few serve many steps, and every function is a process on a cluster. */
const MAX_SESSIONS = 8;
/** A server that does not take a connection in this time counts as not answering. */
const CONNECT_TIMEOUT_MS = 10_000;
/** No operation takes long; one that does waits for the lock of a frozen session. */
const STATEMENT_TIMEOUT_MS = 30_000;
/** Name of the lock under which tables are made, so that two processes that start at once don't collide. */
const SETUP_LOCK = "hashtext('sluice:ledger:tables')";

const UNIQUE_VIOLATION = '23505';
const QUERY_CANCELED = '57014';

/** The pool of sessions that all operations of a ledger share. After a restart of the server the next operation connects again. */
export class Database {
  readonly #pool: pg.Pool;

  constructor(url: string) {
    this.#pool = new pg.Pool({
      connectionString: url,
      application_name: 'sluice:ledger',
      max: MAX_SESSIONS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
      statement_timeout: STATEMENT_TIMEOUT_MS,
      keepAlive: true,
    });
    this.#pool.on('error', () => undefined); // An idle session broke; the next operation opens another.
  }

  /** Rows of one statement, which is one transaction. Throws DATABASE_UNAVAILABLE, DISK_FULL, and INTERNAL for an error of the statement. */
  async query<R extends pg.QueryResultRow>(statement: Statement, values: unknown[] = []): Promise<R[]> {
    try {
      return (await this.#pool.query<R>({ ...statement, values })).rows;
    } catch (thrown) {
      throw databaseError(thrown);
    }
  }

  /** Documents: the column `doc` of each row. */
  async documents<D>(statement: Statement, values: unknown[] = []): Promise<D[]> {
    return (await this.query<{ doc: D }>(statement, values)).map((row) => row.doc);
  }

  async createTables(): Promise<void> {
    // Several statements in one simple query are one transaction, which the lock lasts for.
    await this.query({ text: `select pg_advisory_xact_lock(${SETUP_LOCK}); ${CREATE_TABLES}` });
  }

  async close(): Promise<void> {
    await this.#pool.end();
  }
}

/** Converts an error of the client or the server. An error of a statement becomes INTERNAL. */
export function databaseError(thrown: unknown): SluiceError {
  const code = thrown instanceof Error ? (thrown as { code?: string }).code : undefined;
  if (code === QUERY_CANCELED)
    return new SluiceError('DATABASE_UNAVAILABLE', 'PostgreSQL did not finish an operation of the ledger in time.', {
      cause: thrown,
    });
  return databaseFailure(thrown) ?? asSluiceError(thrown);
}

/** True when a unique index refused the write. */
export function isUniqueViolation(error: unknown): boolean {
  return error instanceof SluiceError && (error.cause as { code?: string } | undefined)?.code === UNIQUE_VIOLATION;
}
