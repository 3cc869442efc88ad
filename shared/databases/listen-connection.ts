import pg from 'pg';

/** The first delays are short, because a restart of PostgreSQL takes a few seconds. */
const RECONNECT_MIN_MS = 100;
const RECONNECT_MAX_MS = 1_000;
const CONNECT_TIMEOUT_MS = 5_000;
/** TCP keep-alive detects a connection that ended without a packet, for example behind a firewall. */
const KEEP_ALIVE_MS = 10_000;

export interface ListenOptions {
  url: string;
  applicationName: string;
  /** Called with each new session, to listen to channels and acquire locks. The session is closed when it rejects. */
  onConnect: (client: pg.Client) => Promise<void>;
  /** `backend` is the process id of the session that sent the notification. */
  onNotification: (payload: string, backend: number) => void;
  /** Called with the error of a lost session and of each failed attempt to reconnect. */
  onError?: (reason: unknown) => void;
}

/** A separate session for LISTEN, outside of any pool. It reconnects in the background when it is lost. */
export class ListenConnection {
  readonly #options: ListenOptions;
  #client: pg.Client | undefined;
  #closed = false;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: ListenOptions) {
    this.#options = options;
  }

  /** The open session; undefined while there is none. */
  get client(): pg.Client | undefined {
    return this.#client;
  }

  /** Connects. Throws the error of the driver; only a connection that was open once reconnects by itself. */
  async open(): Promise<void> {
    const { url, applicationName, onConnect, onNotification, onError } = this.#options;
    const client = new pg.Client({
      connectionString: url,
      application_name: applicationName,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEP_ALIVE_MS,
      connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    });
    client.on('error', (reason) => onError?.(reason)); // The event `end` follows.
    client.on('end', () => this.#onEnd(client));
    client.on('notification', ({ payload = '', processId }) => onNotification(payload, processId));
    try {
      await client.connect();
      this.#client = client;
      if (this.#closed) await this.close();
      else await onConnect(client);
    } catch (thrown) {
      if (this.#client === client) this.#client = undefined; // So that its `end` does not reconnect.
      void client.end().catch(() => undefined);
      throw thrown;
    }
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => undefined);
  }

  #onEnd(client: pg.Client): void {
    if (this.#client !== client) return;
    this.#client = undefined;
    this.#reconnectAfter(RECONNECT_MIN_MS);
  }

  #reconnectAfter(milliseconds: number): void {
    this.#timer = setTimeout(() => {
      this.open().catch((reason: unknown) => {
        this.#options.onError?.(reason);
        if (!this.#closed) this.#reconnectAfter(Math.min(milliseconds * 2, RECONNECT_MAX_MS));
      });
    }, milliseconds);
  }
}
