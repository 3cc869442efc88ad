import pg from 'pg';
import type { ConstructorOptions } from 'pg-boss';
import { databaseFailure } from '#shared/errors/database-failure.ts';
import { asSluiceError, type SluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { ListenConnection } from '#shared/databases/listen-connection.ts';

/** Key of the advisory lock that all running routers of a database share. The number is `sluice` in ASCII. */
const ROUTER_LOCK = 0x736c75696365;

/**
 * How long a router that is suspended during `runIfOnlyRouter` keeps the lock. Then PostgreSQL closes its session, so
 * that other routers can start.
 */
const LOCK_IDLE_MS = 5_000;

/** pg-boss's interface to a database. */
export type BossDatabase = NonNullable<ConstructorOptions['db']>;
/** The transaction or pool that executes a statement. */
export type Executor = Pick<BossDatabase, 'executeSql'>;
/** The handle that pg-boss expects from `listen`. */
export type ListenHandle = Awaited<ReturnType<NonNullable<BossDatabase['listen']>>>;

type OnNotification = (payload: string, backend: number) => void;

/**
 * The connection that stays open as long as the router runs, and reconnects after a failure. It listens for jobs that
 * other processes publish. It also holds the router lock in shared mode, so that a router can detect whether others
 * run.
 */
export class RouterConnection {
  #connection: ListenConnection;
  #listening: { channel: string; onNotification: OnNotification; onReconnect: () => void } | undefined;

  constructor(url: string, status: DatabaseStatus) {
    this.#connection = new ListenConnection({
      url,
      applicationName: 'sluice:router-connection',
      onConnect: async (client) => {
        await client.query('select pg_advisory_lock_shared($1)', [ROUTER_LOCK]);
        if (this.#listening) await this.#subscribe(client);
      },
      onNotification: (payload, backend) => this.#listening?.onNotification(payload, backend),
      onError: (reason) => status.markUnavailable(reason),
    });
  }

  /** Connects. Throws the error of the driver; after a later failure, it reconnects in the background. */
  async open(): Promise<void> {
    await this.#connection.open();
  }

  async listen(channel: string, onNotification: OnNotification, onReconnect: () => void): Promise<ListenHandle> {
    this.#listening = { channel, onNotification, onReconnect };
    const { client } = this.#connection;
    if (client) await this.#subscribe(client);
    return { close: () => Promise.resolve() }; // close() of this class ends the listening.
  }

  /**
   * Runs `work` in a transaction if this is the only running router: then every active job of another router belongs to
   * a process that has ended. A router that starts during `work` waits until it ends, or for LOCK_IDLE_MS if this
   * process is suspended; the transaction is then rolled back. Returns false, without running `work`, if another router
   * runs or the connection is down.
   */
  async runIfOnlyRouter(work: (transaction: Executor) => Promise<void>): Promise<boolean> {
    const { client } = this.#connection;
    if (!client) return false;
    await client.query(`begin; set local idle_in_transaction_session_timeout = ${LOCK_IDLE_MS}`);
    try {
      const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_xact_lock($1) as locked', [
        ROUTER_LOCK,
      ]);
      const locked = rows[0]?.locked ?? false;
      if (locked) await work({ executeSql: (text, values) => client.query(text, values) });
      await client.query('commit');
      return locked;
    } catch (thrown) {
      await client.query('rollback').catch(() => undefined); // Without a session, the server rolls back.
      throw thrown;
    }
  }

  async close(): Promise<void> {
    await this.#connection.close();
  }

  async #subscribe(client: pg.Client): Promise<void> {
    await client.query(`listen ${pg.escapeIdentifier(this.#listening?.channel ?? '')}`);
    this.#listening?.onReconnect();
  }
}

/** An error of the router's database clients as a SluiceError. */
export function asDatabaseError(thrown: unknown): SluiceError {
  return databaseFailure(thrown) ?? asSluiceError(thrown);
}

/** Whether an error of the router's database clients means that PostgreSQL cannot be reached. */
export function isDatabaseUnavailable(thrown: unknown): boolean {
  return asDatabaseError(thrown).code === 'DATABASE_UNAVAILABLE';
}

/** Logs once when the control database becomes unavailable, and once when it is available again. */
export class DatabaseStatus {
  #log: Logger;
  #unavailableSince: number | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  markUnavailable(reason: unknown): void {
    if (this.#unavailableSince !== undefined) return;
    this.#unavailableSince = Date.now();
    this.#log.warn({ reason: reason instanceof Error ? reason.message : String(reason) }, 'Database:Connect:Failed');
  }

  markAvailable(): void {
    if (this.#unavailableSince === undefined) return;
    this.#log.info({ seconds: (Date.now() - this.#unavailableSince) / 1000 }, 'Database:Connect:Done');
    this.#unavailableSince = undefined;
  }
}
