import pg from 'pg';
import format from 'pg-format';
import { statementFailure, isAlreadyCreated } from '#shared/errors/database-failure.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { ClaimRef } from '#shared/contracts/statuses.ts';
import type { PostgisServer, PostgisSession, SessionClaim, TableSession } from './postgis.ts';
import { schemaOfRun } from './run-schema.ts';
import { serverName } from './server-list.ts';
import { ConnectionWatch, crashError, SERVER_STATE, type ServerState } from './server-crash.ts';
import { type PooledClient, SessionPool } from './session-pool.ts';

/** Table in each run schema with the newest fencing token of each step. */
const FENCE_TABLE = 'sluice_fence';
/** A longer wait means that the session of a worker whose process has ended holds the lock. */
const LOCK_TIMEOUT_MS = 60_000;
/** Settings of every connection. */
const SETTINGS = `-c TimeZone=UTC -c lock_timeout=${LOCK_TIMEOUT_MS} -c synchronous_commit=off`;
/**
 * The default of `statement_timeout`. It also ends the statements of a worker that is suspended, and that cannot cancel
 * them itself.
 */
const DEFAULT_STATEMENT_SECONDS = 1800;
/** A cancel request that arrives before the statement has no effect, so it is repeated until the session is closed. */
const CANCEL_INTERVAL_MS = 100;
/** How long pg_terminate_backend waits for the end of a session. */
const TERMINATE_TIMEOUT_MS = 5_000;
/** Connections for statements outside of sessions: cancel requests, the deletion of schemas, pings. */
export const MAX_SERVICE_CONNECTIONS = 4;

/** Advisory lock of the one open session with `alone`. */
const ALONE_LOCK = "hashtext('sluice:alone')";
const ALONE_RETRY_SECONDS = 2;

export interface PgPostgisOptions {
  /** Time limit of one statement of a session, but not of the programs that it starts. */
  statementSeconds?: number;
  /** Time limit of a connection attempt. By default that of the network. */
  connectMs?: number;
}

/** One PostGIS server through node-postgres. */
export class PgPostgis implements PostgisServer {
  readonly name: string;
  #url: string;
  #pool: pg.Pool;
  #sessions: SessionPool;
  /** Time limit of the reply to the first statement of a session, in ms; 0 for none. */
  #replyMs: number;

  constructor(url: string, { statementSeconds = DEFAULT_STATEMENT_SECONDS, connectMs = 0 }: PgPostgisOptions = {}) {
    this.name = serverName(url);
    this.#url = url;
    this.#replyMs = connectMs;
    const options = `${SETTINGS} -c statement_timeout=${statementSeconds}s`;
    this.#sessions = new SessionPool(withParameters(url, { application_name: 'sluice:idle', options }), connectMs);
    this.#pool = new pg.Pool({
      connectionString: url,
      max: MAX_SERVICE_CONNECTIONS,
      application_name: 'sluice:postgis',
      connectionTimeoutMillis: connectMs,
      keepAlive: true,
    });
    this.#pool.on('error', () => undefined); // An idle connection failed. The next query opens a new one.
  }

  async openSession(claim: SessionClaim, signal: AbortSignal): Promise<PostgisSession> {
    const schema = schemaOfRun(claim.runId);
    const name = applicationName(claim);
    const begin = async (client: PooledClient) => {
      // Before the state is read: the warning of a crash can arrive together with the reply of the last statement here.
      const watch = new ConnectionWatch(client);
      try {
        const before = await withCode(raiseFence(client, schema, claim));
        if (claim.alone) await withCode(lockAlone(client, claim));
        return { watch, before };
      } catch (thrown) {
        watch.stop();
        throw thrown;
      }
    };
    const { client, query, begun, close } = await this.#open({ name, schema, begin }, signal);
    return {
      schema,
      tables: 'unlogged',
      client,
      connectionString: withParameters(this.#url, {
        application_name: name,
        options: `-c search_path=${schema},public ${SETTINGS}`,
      }),
      query,
      close: async () => {
        if (!(await close())) return;
        const { watch, before } = begun;
        watch.stop();
        if (!watch.closed) return;
        const crash = await crashError(claim, watch, before, () => this.#serverState(), signal);
        if (crash) throw crash;
      },
    };
  }

  async openTemporarySession(signal: AbortSignal): Promise<TableSession> {
    const begin = () => Promise.resolve();
    const { client, query, close } = await this.#open({ name: 'sluice:temporary', schema: 'pg_temp', begin }, signal);
    return { tables: 'temporary', client, query, close: async () => void (await close()) };
  }

  /**
   * Takes a connection for a session that creates its tables in `schema`. `begin` is the first use of it; when it
   * rejects, the connection is closed. `close` returns false when the session was closed before.
   */
  async #open<T>(
    { name, schema, begin }: { name: string; schema: string; begin: (client: PooledClient) => Promise<T> },
    signal: AbortSignal,
  ): Promise<{ client: PooledClient; begun: T; query: TableSession['query']; close: () => Promise<boolean> }> {
    signal.throwIfAborted();
    const client = await withCode(this.#sessions.take());
    const stopCanceling = this.#cancelOnAbort(client, signal);
    let begun: T;
    try {
      const text = format('set application_name = %L; set search_path = %I, public', name, schema);
      // An idle connection of the pool can belong to a server that was stopped, which never replies.
      await withCode(client.query({ text, query_timeout: this.#replyMs } as pg.QueryConfig));
      begun = await begin(client);
    } catch (thrown) {
      stopCanceling();
      this.#sessions.end(client);
      signal.throwIfAborted();
      throw thrown;
    }
    let open = true;
    return {
      client,
      begun,
      query: async <R extends pg.QueryResultRow>(sql: string, values?: unknown[]) => {
        signal.throwIfAborted();
        if (!open) throw new SluiceError('INTERNAL', `The PostGIS session ${name} is closed.`);
        return (await withCode(client.query<R>(sql, values))).rows;
      },
      close: async () => {
        stopCanceling();
        if (!open) return false;
        open = false;
        // A cancel request may still arrive at this connection, so it is not used for another session.
        if (signal.aborted) this.#sessions.end(client);
        else await this.#sessions.giveBack(client);
        return true;
      },
    };
  }

  /** Cancels the statements of the connection when the signal aborts. Returns a function that stops this. */
  #cancelOnAbort(client: PooledClient, signal: AbortSignal): () => void {
    let timer: NodeJS.Timeout | undefined;
    const { processID } = client as unknown as { processID: number };
    const cancelOnce = () => void this.#pool.query('select pg_cancel_backend($1)', [processID]).catch(() => undefined);
    const cancel = () => {
      cancelOnce();
      timer = setInterval(cancelOnce, CANCEL_INTERVAL_MS).unref();
    };
    if (signal.aborted) cancel();
    else signal.addEventListener('abort', cancel);
    return () => {
      signal.removeEventListener('abort', cancel);
      clearInterval(timer);
    };
  }

  async #serverState(): Promise<ServerState | undefined> {
    return (await this.#pool.query<ServerState & pg.QueryResultRow>(`select ${SERVER_STATE}`)).rows[0];
  }

  async dropSchema(runId: string): Promise<void> {
    await withCode(
      this.#pool.query(
        `select pg_terminate_backend(pid, ${TERMINATE_TIMEOUT_MS})
         from pg_stat_activity where datname = current_database() and starts_with(application_name, $1)`,
        [namePrefix(runId)],
      ),
    );
    await withCode(this.#pool.query(format('drop schema if exists %I cascade', schemaOfRun(runId))));
  }

  async listRunSchemas(): Promise<string[]> {
    const { rows } = await withCode(
      this.#pool.query<{ nspname: string }>(
        `select nspname from pg_namespace where nspname ~ '^proc_[0-9a-f_]{36}$' order by 1`,
      ),
    );
    return rows.map((row) => row.nspname);
  }

  async ping(): Promise<void> {
    await withCode(this.#pool.query('select 1'));
  }

  async warmUp(): Promise<void> {
    await withCode(this.#sessions.warmUp());
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.end(), this.#sessions.close()]);
  }
}

/**
 * Stores the claim's token in the run's schema, and ends the sessions of older claims of the step. Returns the state of
 * the server. Throws CLAIM_STALE when the schema has a newer token.
 */
async function raiseFence(client: PooledClient, schema: string, claim: ClaimRef): Promise<ServerState> {
  const fence = format('%I.%I', schema, FENCE_TABLE);
  await client
    .query(
      format(
        'create schema if not exists %I; create table if not exists %s (step text primary key, token int not null)',
        schema,
        fence,
      ),
    )
    .catch((thrown: unknown) => {
      if (!isAlreadyCreated(thrown)) throw thrown;
    });
  const raised = await client.query<ServerState & pg.QueryResultRow>(
    `insert into ${fence} as f values ($1, $2)
     on conflict (step) do update set token = excluded.token where f.token <= excluded.token returning ${SERVER_STATE}`,
    [claim.step, claim.token],
  );
  const [state] = raised.rows;
  if (state === undefined)
    throw new SluiceError('CLAIM_STALE', `A newer claim of step ${claim.step} of run ${claim.runId} exists.`);
  await client.query(
    `select pg_terminate_backend(pid, ${TERMINATE_TIMEOUT_MS}) from pg_stat_activity
     where datname = current_database() and pid <> pg_backend_pid() and starts_with(application_name, $1)
       and substr(application_name, length($1) + 1)::int < $2`,
    [`${namePrefix(claim.runId)}${claim.step}:`, claim.token],
  );
  return state;
}

/** Throws STEP_BUSY while another session with `alone` is open. The lock ends with the session. */
async function lockAlone(client: PooledClient, { runId, step }: ClaimRef): Promise<void> {
  const { rows } = await client.query<{ locked: boolean }>(`select pg_try_advisory_lock(${ALONE_LOCK}) as locked`);
  if (rows[0]?.locked) return;
  throw new SluiceError(
    'STEP_BUSY',
    'Another run whose PostgreSQL process was killed uses the server. Such runs are executed one at a time, ' +
      'so the step is repeated later.',
    { details: { run_id: runId, step }, retryAfterSeconds: ALONE_RETRY_SECONDS },
  );
}

/** `sluice:<run>:<step>:<token>`. The run id has no dashes, because PostgreSQL cuts the name after 63 bytes. */
function applicationName(claim: ClaimRef): string {
  return `${namePrefix(claim.runId)}${claim.step}:${claim.token}`;
}

function namePrefix(runId: string): string {
  return `sluice:${runId.replaceAll('-', '')}:`;
}

/** Resolves as `result`. Rejects with a SluiceError for a failure of the server, else with the error of `result`. */
async function withCode<T>(result: Promise<T>): Promise<T> {
  try {
    return await result;
  } catch (thrown) {
    throw statementFailure(thrown) ?? thrown;
  }
}

/** A PostgreSQL URL with parameters added. */
export function withParameters(url: string, parameters: Record<string, string>): string {
  const query = Object.entries(parameters).map(([key, value]) => `${key}=${encodeURIComponent(value)}`);
  return `${url}${url.includes('?') ? '&' : '?'}${query.join('&')}`;
}
