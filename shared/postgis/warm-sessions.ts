import pg from 'pg';

/** An idle connection keeps some 20 MB of the server; without work for this long it is closed. */
const IDLE_MS = 5 * 60_000;
/** What a connection knows of tables grows with the runs that it served. */
const LIFETIME_SECONDS = 3600;
/** No session waits for another one: more than all functions together run at once, and fewer than the server takes. */
const MAX_CONNECTIONS = 200;

/** A connection of the pool: a client of pg, which the pool's own type does not say. */
export type WarmClient = pg.Client & { release(destroy?: boolean): void };

/** Loads the libraries of PostGIS and GEOS, and opens the database of PROJ: what a new connection pays for at its first transformation. */
const WARM_UP = `select ST_IsValid(ST_Transform(ST_SetSRID(ST_MakePoint(0, 0), 3857), 4326))`;

/**
 * Connections for one session after the other. A new one pays for loading PostGIS (8 ms), for opening PROJ's database (20 ms) and for
 * reading the catalog (10 ms); one that was used before has it all. Between two sessions it forgets everything else: settings,
 * temporary tables and prepared statements.
 */
export class WarmSessions {
  #pool: pg.Pool;
  #taken = new Set<WarmClient>();

  constructor(connectionString: string) {
    this.#pool = new pg.Pool({
      connectionString,
      max: MAX_CONNECTIONS,
      idleTimeoutMillis: IDLE_MS,
      maxLifetimeSeconds: LIFETIME_SECONDS,
      allowExitOnIdle: true,
    });
    this.#pool.on('error', () => undefined); // An idle connection broke; the pool has forgotten it.
  }

  /** A connection for one session. `giveBack` or `end` it. */
  async take(): Promise<WarmClient> {
    const client = (await this.#pool.connect()) as unknown as WarmClient;
    this.#taken.add(client);
    if (client.listenerCount('error') === 0) client.on('error', ignore); // The pending query rejects with the same error.
    return client;
  }

  /** Keeps the connection for the next session, unless something still runs on it. Never rejects. */
  async giveBack(client: WarmClient): Promise<void> {
    if (!isIdle(client)) return this.end(client);
    try {
      await client.query('discard all'); // Fails within a transaction, and when the connection is gone.
    } catch {
      return this.end(client);
    }
    if (this.#taken.delete(client)) client.release();
  }

  /** Closes the connection; what runs on it ends with an error. */
  end(client: WarmClient): void {
    if (this.#taken.delete(client)) client.release(true);
  }

  /** Has a warm connection ready for the first session. */
  async warmUp(): Promise<void> {
    await this.#pool.query(WARM_UP);
  }

  /** Closes all connections, those of sessions too. */
  async close(): Promise<void> {
    for (const client of this.#taken) this.end(client);
    await this.#pool.end();
  }
}

function ignore(): void {}

/** Whether the last statement has ended, and no copy was left half read. */
function isIdle(client: WarmClient): boolean {
  return (client as unknown as { readyForQuery: boolean }).readyForQuery;
}
