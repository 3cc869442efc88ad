import pg from 'pg';
import format from 'pg-format';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { ClaimRef } from '#shared/contracts/claim.ts';
import { schemaOfRun } from './run-schema.ts';
import { WarmSessions } from './warm-sessions.ts';

/** The transient spatial database. Nothing is kept in it after a run. */
export interface Postgis {
  /**
   * Opens the session of a claimed step in the run's schema, which it creates when needed. Sessions of older tokens of the step
   * are ended, and can't come back: the schema remembers the newest token. Throws CLAIM_STALE when this claim is not the newest.
   * Aborting `signal` cancels the running statement.
   */
  openSession(claim: ClaimRef, signal: AbortSignal): Promise<PostgisSession>;
  /** Drops a run's schema and ends its sessions. Nothing happens when there is none. */
  dropSchema(runId: string): Promise<void>;
  /** Names of the schemas of runs. */
  listRunSchemas(): Promise<string[]>;
  ping(): Promise<void>;
  /** Opens a connection ahead of the first session, with PostGIS and PROJ loaded. Best effort: rejects when the database does not answer. */
  warmUp(): Promise<void>;
  close(): Promise<void>;
}

export interface PostgisSession {
  schema: string;
  /** Not to be used after `close`: another session may have the connection then. */
  client: pg.Client;
  query<R extends pg.QueryResultRow = pg.QueryResultRow>(sql: string, values?: unknown[]): Promise<R[]>;
  /** libpq connection string for ogr2ogr and psql, with the same application_name and search_path. */
  connectionString: string;
  close(): Promise<void>;
}

/** Table in each run schema that holds the newest token of each step: the fence inside PostGIS, which knows nothing of the ledger. */
const FENCE_TABLE = 'sluice_fence';
/** Waiting for a lock longer than this means that a dead worker's session still holds it. */
const LOCK_TIMEOUT_MS = 60_000;

/** Settings of every connection; those of a session are added to them. */
const SETTINGS = `-c TimeZone=UTC -c lock_timeout=${LOCK_TIMEOUT_MS} -c synchronous_commit=off`;

/** A cancel that comes before the statement has reached the server does nothing, so it is sent again until the session is closed. */
const CANCEL_AGAIN_MS = 100;

/** `sluice:<run>:<step>:<token>`; run ids lose their dashes, for the name may have 63 bytes. */
export function applicationName(claim: ClaimRef): string {
  return `sluice:${claim.runId.replaceAll('-', '')}:${claim.step}:${claim.token}`;
}

export class PgPostgis implements Postgis {
  #url: string;
  #pool: pg.Pool;
  #sessions: WarmSessions;

  constructor(url: string) {
    this.#url = url;
    this.#sessions = new WarmSessions(withParameters(url, { application_name: 'sluice:idle', options: SETTINGS }));
    this.#pool = new pg.Pool({ connectionString: url, max: 4, application_name: 'sluice:postgis' });
    this.#pool.on('error', () => undefined); // An idle connection broke; the next query opens another.
  }

  async openSession(claim: ClaimRef, signal: AbortSignal): Promise<PostgisSession> {
    signal.throwIfAborted();
    const schema = schemaOfRun(claim.runId);
    const name = applicationName(claim);
    const client = await this.#sessions.take();
    try {
      await client.query(format('set application_name = %L; set search_path = %I, public', name, schema));
      await this.#fence(client, schema, claim);
    } catch (thrown) {
      this.#sessions.end(client);
      throw thrown;
    }
    let open = true;
    let canceling: NodeJS.Timeout | undefined;
    const cancelOnce = () =>
      void this.#pool
        .query('select pg_cancel_backend($1)', [(client as unknown as { processID: number }).processID])
        .catch(() => undefined);
    const cancel = () => {
      cancelOnce();
      canceling = setInterval(cancelOnce, CANCEL_AGAIN_MS).unref();
    };
    signal.addEventListener('abort', cancel);
    return {
      schema,
      client,
      connectionString: withParameters(this.#url, {
        application_name: name,
        options: `-c search_path=${schema},public ${SETTINGS}`,
      }),
      query: async <R extends pg.QueryResultRow>(sql: string, values?: unknown[]) => {
        signal.throwIfAborted();
        if (!open) throw new SluiceError('INTERNAL', `The session of ${claim.step} was closed.`);
        return (await client.query<R>(sql, values)).rows;
      },
      close: async () => {
        signal.removeEventListener('abort', cancel);
        clearInterval(canceling);
        if (!open) return;
        open = false;
        // A cancel may still be on its way to this connection.
        if (signal.aborted) this.#sessions.end(client);
        else await this.#sessions.giveBack(client);
      },
    };
  }

  async #fence(client: pg.Client, schema: string, claim: ClaimRef): Promise<void> {
    const fence = format('%I.%I', schema, FENCE_TABLE);
    await client
      .query(
        format(
          'create schema if not exists %I; create table if not exists %s (step text primary key, token int not null)',
          schema,
          fence,
        ),
      )
      .catch(ignoreRace);
    const raised = await client.query(
      `insert into ${fence} as f values ($1, $2) on conflict (step) do update set token = excluded.token where f.token <= excluded.token returning token`,
      [claim.step, claim.token],
    );
    if (raised.rowCount === 0)
      throw new SluiceError('CLAIM_STALE', `A newer worker is doing ${claim.step} of run ${claim.runId}.`);
    const older = `sluice:${claim.runId.replaceAll('-', '')}:${claim.step}:`;
    await client.query(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity
       where pid <> pg_backend_pid() and starts_with(application_name, $1) and substr(application_name, length($1) + 1)::int < $2`,
      [older, claim.token],
    );
  }

  async dropSchema(runId: string): Promise<void> {
    await this.#pool.query(
      `select pg_terminate_backend(pid, 5000) from pg_stat_activity where starts_with(application_name, $1)`,
      [`sluice:${runId.replaceAll('-', '')}:`],
    );
    await this.#pool.query(format('drop schema if exists %I cascade', schemaOfRun(runId)));
  }

  async listRunSchemas(): Promise<string[]> {
    const { rows } = await this.#pool.query<{ nspname: string }>(
      `select nspname from pg_namespace where nspname ~ '^proc_[0-9a-f_]{36}$' order by 1`,
    );
    return rows.map((row) => row.nspname);
  }

  async ping(): Promise<void> {
    await this.#pool.query('select 1');
  }

  async warmUp(): Promise<void> {
    await this.#sessions.warmUp();
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.end(), this.#sessions.close()]);
  }
}

/** Two sessions that create the same schema at once: one fails with a duplicate, and finds it there. */
function ignoreRace(thrown: unknown): void {
  const code = (thrown as { code?: string }).code;
  if (code !== '23505' && code !== '42P06' && code !== '42P07') throw thrown;
}

/** A PostgreSQL URL with parameters added. */
export function withParameters(url: string, parameters: Record<string, string>): string {
  const separator = url.includes('?') ? '&' : '?';
  return (
    url +
    separator +
    Object.entries(parameters)
      .map(([key, value]) => `${key}=${encodeURIComponent(value)}`)
      .join('&')
  );
}
