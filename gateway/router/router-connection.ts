import pg from 'pg';
import type { ConstructorOptions } from 'pg-boss';
import type { DatabaseStatus } from './database-status.ts';

/** Key of the advisory lock that all running routers of a database share. The number is `sluice` in ASCII. */
const ROUTER_LOCK = 0x736c75696365;
const RECONNECT_MS = 500;
const CONNECT_TIMEOUT_MS = 5_000;
/** TCP keep-alive detects a connection that ended without a packet, for example behind a firewall. */
const KEEP_ALIVE_MS = 10_000;

/** The handle that pg-boss expects from `listen`. */
export type ListenHandle = Awaited<ReturnType<NonNullable<NonNullable<ConstructorOptions['db']>['listen']>>>;

type OnNotification = (payload: string, backend: number) => void;

/**
 * The connection that stays open as long as the router runs, and reconnects after a failure. It listens for jobs that
 * other processes publish. It also holds the router lock in shared mode, so that a router can detect whether others
 * run.
 */
export class RouterConnection {
  #url: string;
  #status: DatabaseStatus;
  #client: pg.Client | undefined;
  #closed = false;
  #listening: { channel: string; onNotification: OnNotification; onReconnect: () => void } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(url: string, status: DatabaseStatus) {
    this.#url = url;
    this.#status = status;
  }

  /** Connects. Throws the error of the driver; after a later failure, it reconnects in the background. */
  async open(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'sluice:router-connection',
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
    client.on('error', (reason) => this.#status.markUnavailable(reason));
    client.on('end', () => this.#reconnect(client));
    client.on('notification', (message) => this.#listening?.onNotification(message.payload ?? '', message.processId));
    this.#client = client;
    await client.connect();
    await client.query('select pg_advisory_lock_shared($1)', [ROUTER_LOCK]);
    if (this.#listening) await this.#subscribe(client);
  }

  async listen(channel: string, onNotification: OnNotification, onReconnect: () => void): Promise<ListenHandle> {
    this.#listening = { channel, onNotification, onReconnect };
    if (this.#client) await this.#subscribe(this.#client);
    return { close: () => Promise.resolve() }; // close() of this class ends the listening.
  }

  /**
   * Runs `work` if this is the only running router: then every active job of another router belongs to a dead process.
   * A router that starts during `work` waits until it ends. Returns false, without running `work`, if another router
   * runs or the connection is down.
   */
  async runIfOnlyRouter(work: () => Promise<void>): Promise<boolean> {
    const client = this.#client;
    if (!client) return false;
    const { rows } = await client.query<{ locked: boolean }>('select pg_try_advisory_lock($1) as locked', [
      ROUTER_LOCK,
    ]);
    if (!rows[0]?.locked) return false;
    try {
      await work();
      return true;
    } finally {
      await client.query('select pg_advisory_unlock($1)', [ROUTER_LOCK]);
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#client?.end().catch(() => undefined);
  }

  async #subscribe(client: pg.Client): Promise<void> {
    await client.query(`listen ${pg.escapeIdentifier(this.#listening?.channel ?? '')}`);
    this.#listening?.onReconnect();
  }

  #reconnect(broken: pg.Client): void {
    if (this.#closed || this.#client !== broken) return;
    this.#client = undefined;
    this.#timer = setTimeout(() => {
      this.open().catch((reason: unknown) => {
        this.#status.markUnavailable(reason);
        const failed = this.#client;
        void failed?.end().catch(() => undefined);
        if (failed) this.#reconnect(failed);
      });
    }, RECONNECT_MS);
  }
}
