import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import type { StepName } from '#shared/contracts/lanes.ts';
import type { ClaimRef } from '#shared/contracts/statuses.ts';
import { databaseFailure } from '#shared/errors/database-failure.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/**
 * When a server process of PostgreSQL is killed (by the kernel when memory runs out, for example) or crashes,
 * PostgreSQL ends all sessions, recovers, and empties unlogged tables. The other sessions receive a warning before
 * their connection is closed. The session of the killed process receives nothing. These functions distinguish the two.
 * PostgreSQL drops the warning for a process that is sending another message at that moment (PqCommBusy in pqcomm.c).
 * Its run counts one death too many, which MAX_BACKEND_DEATHS allows for.
 */

/** SQLSTATE crash_shutdown of the warning that PostgreSQL sends to the other sessions. */
const CRASH_SHUTDOWN = '57P02';
/**
 * Steps that mostly receive rows (COPY TO). PostgreSQL cannot insert the warning into a row that it is sending, so
 * their sessions may end without it.
 */
const RECEIVING_STEPS: readonly StepName[] = ['export-geoparquet'];
/**
 * A server that still accepts statements this long after the connection was closed did not crash. A killed process
 * closes its connection shortly before PostgreSQL notices its end.
 */
const NO_CRASH_MS = 3_000;
/** How long a recovery is awaited. It takes less than a second, and longer after many changes. */
const RECOVERY_MS = 60_000;
const POLL_MS = 100;
const RESET_CODES: ReadonlySet<string | undefined> = new Set(['ECONNRESET', 'EPIPE']);

/**
 * When the server was started, and when its statistics were reset: both change when the server is started after a
 * crash; only the second one changes when a running server recovers from the crash of one of its processes
 * (https://www.postgresql.org/docs/current/monitoring-stats.html#MONITORING-STATS-SETUP).
 */
export interface ServerState {
  started: string;
  reset: string | null;
}

/** Columns of a SELECT or RETURNING list with the ServerState. */
export const SERVER_STATE = `extract(epoch from pg_postmaster_start_time())::text as started,
  (select extract(epoch from stats_reset)::text from pg_stat_bgwriter) as reset`;

/** Records how the connection of a session ends. */
export class ConnectionWatch {
  /** The connection was closed, but not by this process. */
  closed = false;
  /** PostgreSQL sent the warning that another process crashed. */
  warned = false;
  /**
   * The connection was reset, so the warning may be lost. The kernel ends the connection of a killed process without a
   * reset, unless the process had not read all that it received.
   */
  reset = false;
  readonly #client: pg.Client;
  readonly #onClosed = (error?: NodeJS.ErrnoException) => {
    this.closed = true;
    this.reset ||= RESET_CODES.has(error?.code);
  };
  readonly #onNotice = ({ code }: { code: string | undefined }) => void (this.warned ||= code === CRASH_SHUTDOWN);

  constructor(client: pg.Client) {
    this.#client = client.on('error', this.#onClosed).on('end', this.#onClosed).on('notice', this.#onNotice);
  }

  stop(): void {
    this.#client.off('error', this.#onClosed).off('end', this.#onClosed).off('notice', this.#onNotice);
  }
}

/**
 * The error of a session whose connection was closed: TABLES_LOST when PostgreSQL crashed since the state `before`,
 * with `details.backend_died` when the process of this session was the one that was killed. Waits until the server has
 * recovered. Undefined when it did not crash (a network failure, an ordinary restart, a terminated session), when it
 * does not recover within RECOVERY_MS, or when `signal` aborts. The error of the statement applies then.
 */
export async function crashError(
  { runId, step }: Pick<ClaimRef, 'runId' | 'step'>,
  watch: Pick<ConnectionWatch, 'warned' | 'reset'>,
  before: ServerState,
  readState: () => Promise<ServerState | undefined>,
  signal: AbortSignal,
): Promise<SluiceError | undefined> {
  const now = await changedState(before, readState, signal);
  if (now === undefined || now.reset === before.reset) return undefined;
  const endsWithoutWarning = watch.reset || RECEIVING_STEPS.includes(step);
  const backendDied = now.started === before.started && !watch.warned && !endsWithoutWarning;
  const reason = backendDied ? ', because the process that executed its statements was killed or crashed' : '';
  const message = `The working tables of run ${runId} were lost in a crash of PostgreSQL${reason}.`;
  return new SluiceError('TABLES_LOST', message, { details: { step, backend_died: backendDied } });
}

/** The state of the server after it has changed; undefined when it does not change, or cannot be read. */
async function changedState(
  before: ServerState,
  read: () => Promise<ServerState | undefined>,
  signal: AbortSignal,
): Promise<ServerState | undefined> {
  const begin = performance.now();
  const elapsed = () => performance.now() - begin;
  while (!signal.aborted && elapsed() < RECOVERY_MS) {
    try {
      const now = await read();
      if (now?.started !== before.started || now.reset !== before.reset) return now;
      if (elapsed() > NO_CRASH_MS) return undefined;
    } catch (thrown) {
      if (databaseFailure(thrown)?.code !== 'DATABASE_UNAVAILABLE') return undefined;
    }
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
  return undefined;
}
