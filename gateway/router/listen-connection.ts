import pg from 'pg';
import type { ConstructorOptions } from 'pg-boss';
import type { Availability } from './database-status.ts';

/** Key of the advisory lock that every living router shares. Any number; this one is `sluice` in ASCII. */
const ROUTER_LOCK = 0x736c75696365;
const RECONNECT_MS = 500;
const CONNECT_TIMEOUT_MS = 5_000;
/** Finds a connection that broke without a word (a router on another machine, a firewall between). */
const KEEP_ALIVE_MS = 10_000;

/** What pg-boss ends its listening with. */
export type ListenHandle = Awaited<ReturnType<NonNullable<NonNullable<ConstructorOptions['db']>['listen']>>>;

type OnNotification = (payload: string, backend: number) => void;

/**
 * The one connection that stays open while a router lives. It listens for jobs that other processes publish, and holds the router lock:
 * shared by all routers of this database, so that a router can tell whether it is the only one. Opens itself again after a break.
 */
export class RouterSession {
  #url: string;
  #availability: Availability;
  #client: pg.Client | undefined;
  #closed = false;
  #listening: { channel: string; onNotification: OnNotification; onReconnect: () => void } | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(url: string, availability: Availability) {
    this.#url = url;
    this.#availability = availability;
  }

  /** Connects. Throws what the server says; later breaks are repaired in the background. */
  async open(): Promise<void> {
    const client = new pg.Client({
      connectionString: this.#url,
      application_name: 'sluice:router-session',
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
    client.on('error', (reason) => this.#availability.down(reason));
    client.on('end', () => this.#reopen(client));
    client.on('notification', (message) => this.#listening?.onNotification(message.payload ?? '', message.processId));
    this.#client = client;
    await client.connect();
    await client.query('select pg_advisory_lock_shared($1)', [ROUTER_LOCK]);
    if (this.#listening) await this.#subscribe(client);
  }

  async listen(channel: string, onNotification: OnNotification, onReconnect: () => void): Promise<ListenHandle> {
    this.#listening = { channel, onNotification, onReconnect };
    if (this.#client) await this.#subscribe(this.#client);
    return { close: () => Promise.resolve() }; // The session closes with the router.
  }

  /**
   * Runs `work` while this is certainly the only router: jobs marked active by others belong to dead ones. Another router that starts
   * meanwhile waits for the end of it. False when another router lives, or the connection is broken.
   */
  async alone(work: () => Promise<void>): Promise<boolean> {
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

  #reopen(broken: pg.Client): void {
    if (this.#closed || this.#client !== broken) return;
    this.#client = undefined;
    this.#timer = setTimeout(() => {
      this.open().catch((reason: unknown) => {
        this.#availability.down(reason);
        const failed = this.#client;
        void failed?.end().catch(() => undefined);
        if (failed) this.#reopen(failed);
      });
    }, RECONNECT_MS);
  }
}
