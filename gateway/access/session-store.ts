import { createHash, randomBytes } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import pg from 'pg';
import { databaseFailure } from '#shared/errors/database-failure.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { createDurably } from '#shared/streams/write-durably.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import type { Logger } from '#shared/log/log.ts';

/** What gateways share about sessions: the key of the signatures, and the sessions that ended by a logout. */
export interface SessionStore {
  readonly key: Buffer;
  isEnded(sessionId: string): Promise<boolean>;
  /** Ends a session. It is remembered until `expiresAt`, in milliseconds since 1970. */
  end(sessionId: string, expiresAt: number): Promise<void>;
  close(): Promise<void>;
}

const KEY_BYTES = 32;
const KEY_FILE = 'session-key';

export interface SessionStoreOptions {
  /** The value of SLUICE_SESSION_KEY. */
  secret: string | undefined;
  /** The control database. A gateway with a broker has none. */
  databaseUrl: string | undefined;
  /** The folder SLUICE_HOME. */
  home: string;
  log: Logger;
}

/**
 * The key is derived from SLUICE_SESSION_KEY, or generated once in the control database, or in SLUICE_HOME. Without a
 * control database, a logout is known to this gateway until its restart only. Throws CONFIG_INVALID,
 * DATABASE_UNAVAILABLE.
 */
export async function openSessionStore(options: SessionStoreOptions): Promise<SessionStore> {
  const { secret, databaseUrl, home, log } = options;
  const own = secret === undefined ? undefined : createHash('sha256').update(`session ${secret}`).digest();
  if (databaseUrl !== undefined) return DatabaseSessions.open(databaseUrl, own, log);
  return new LocalSessions(own ?? keyOfFile(join(home, KEY_FILE)));
}

/** Of several processes that start at the same time, all use the key of the first one. Throws CONFIG_INVALID. */
export function keyOfFile(file: string): Buffer {
  if (!existsSync(file)) createDurably(file, randomBytes(KEY_BYTES), { mode: 0o600 });
  const key = readFileSync(file);
  if (key.length === KEY_BYTES) return key;
  throw new SluiceError(
    'CONFIG_INVALID',
    `The key of the sessions in ${file} has ${key.length} bytes instead of ${KEY_BYTES}. Delete the file. ` +
      'All users have to log in again.',
  );
}

/** Ended sessions in memory. Expired ones are removed with the next logout. */
class EndedSessions {
  #expiries = new Map<string, number>();

  has(id: string): boolean {
    return this.#expiries.has(id);
  }

  add(id: string, expiresAt: number): void {
    const now = Date.now();
    for (const [other, expiry] of this.#expiries) if (expiry < now) this.#expiries.delete(other);
    this.#expiries.set(id, expiresAt);
  }
}

class LocalSessions implements SessionStore {
  readonly key: Buffer;
  #ended = new EndedSessions();

  constructor(key: Buffer) {
    this.key = key;
  }

  async isEnded(id: string): Promise<boolean> {
    return this.#ended.has(id);
  }

  async end(id: string, expiresAt: number): Promise<void> {
    this.#ended.add(id, expiresAt);
  }

  async close(): Promise<void> {}
}

const SETUP = `
begin;
select pg_advisory_xact_lock(hashtext('sluice:access:tables'));
create schema if not exists access;
create table if not exists access.keys (name text primary key, value bytea not null);
create table if not exists access.ended_sessions (id text primary key, expires_at timestamptz not null);
commit`;
/** How long a logout at another gateway can be unknown here. */
const REFRESH_MS = 2_000;
/** A database that is slow must not delay every request. */
const TIMEOUT_MS = 5_000;
/** Logouts are read every few seconds, and written when they occur. */
export const MAX_CONNECTIONS = 2;

/** The key and the logouts in the control database. While it does not respond, the last known logouts apply. */
class DatabaseSessions implements SessionStore {
  readonly key: Buffer;
  readonly #pool: pg.Pool;
  readonly #log: Logger;
  #ended = new Set<string>();
  #refreshedAt = -Infinity;
  #refreshing: Promise<void> | undefined;

  private constructor(pool: pg.Pool, key: Buffer, log: Logger) {
    this.#pool = pool;
    this.#log = log;
    this.key = key;
  }

  static async open(url: string, own: Buffer | undefined, log: Logger): Promise<DatabaseSessions> {
    const pool = new pg.Pool({
      connectionString: url,
      max: MAX_CONNECTIONS,
      query_timeout: TIMEOUT_MS,
      connectionTimeoutMillis: TIMEOUT_MS,
      application_name: 'sluice:access',
    });
    pool.on('error', () => undefined); // A lost idle connection. The next query opens another one.
    try {
      await pool.query(SETUP);
      const insert = 'insert into access.keys (name, value) values ($1, $2) on conflict do nothing';
      await pool.query(insert, ['session', randomBytes(KEY_BYTES)]);
      const { rows } = await pool.query<{ value: Buffer }>(`select value from access.keys where name = 'session'`);
      return new DatabaseSessions(pool, own ?? (rows[0] as { value: Buffer }).value, log);
    } catch (thrown) {
      await pool.end();
      throw databaseFailure(thrown) ?? thrown;
    }
  }

  async isEnded(id: string): Promise<boolean> {
    if (performance.now() - this.#refreshedAt > REFRESH_MS) await (this.#refreshing ??= this.#refresh());
    return this.#ended.has(id);
  }

  async end(id: string, expiresAt: number): Promise<void> {
    try {
      await this.#pool.query('delete from access.ended_sessions where expires_at < now()');
      const insert =
        'insert into access.ended_sessions (id, expires_at) values ($1, to_timestamp($2)) on conflict do nothing';
      await this.#pool.query(insert, [id, expiresAt / 1000]);
    } catch (thrown) {
      throw databaseFailure(thrown) ?? thrown;
    }
    await this.#refreshing;
    this.#ended.add(id);
  }

  async #refresh(): Promise<void> {
    try {
      const { rows } = await this.#pool.query<{ id: string }>(
        'select id from access.ended_sessions where expires_at > now()',
      );
      this.#ended = new Set(rows.map(({ id }) => id));
    } catch (thrown) {
      this.#log.warn({ reason: reasonOf(thrown) }, 'Session:Read:Failed');
    } finally {
      this.#refreshedAt = performance.now();
      this.#refreshing = undefined;
    }
  }

  close(): Promise<void> {
    return this.#pool.end();
  }
}
