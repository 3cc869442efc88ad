import { SluiceError } from './sluice-error.ts';
import { isDiskFull } from './system-failure.ts';

/** SQLSTATE classes after which a retry can succeed: connection, resources, shutdown, serialization. */
const TRANSIENT_SQLSTATE = /^(08|53|57P|40)/;
const SQLSTATE_DISK_FULL = '53100';
const SQLSTATE_OUT_OF_MEMORY = '53200';
/** SQLSTATE of a statement that was canceled, by statement_timeout or on request. */
const SQLSTATE_CANCELED = '57014';
/** The message of GEOS, in an internal error of PostGIS (XX000), that it could not allocate memory. */
const GEOS_OUT_OF_MEMORY = /bad_alloc/;

/** Errors of Node.js while it connects to the server or uses the connection. ENOENT: the Unix socket does not exist. */
const CONNECTION_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENOENT',
]);

/** SQLSTATEs of a session that creates a schema or table at the same time as another one. */
const ALREADY_CREATED = new Set(['23505', '42P06', '42P07']);

/** The errors of node-postgres that have no code. */
const DRIVER_ERRORS =
  /Connection terminated|not queryable|Client was closed|Query read timeout|timeout exceeded when trying to connect/;

/** Whether a statement CREATE … IF NOT EXISTS failed because another session created the same; it exists then. */
export function isAlreadyCreated(thrown: unknown): boolean {
  return ALREADY_CREATED.has((thrown as { code?: string }).code ?? '');
}

/**
 * The code of an error that a PostgreSQL client threw. DATABASE_UNAVAILABLE: the server or the connection failed.
 * DISK_FULL: the server has no disk space. Undefined for an error of the statement, and for a SluiceError.
 * Call it only where the client is called: the same Node.js error from another client has another code.
 */
export function databaseFailure(thrown: unknown): SluiceError | undefined {
  if (!(thrown instanceof Error) || thrown instanceof SluiceError) return undefined;
  const { code = '' } = thrown as { code?: string };
  // A reached quota has no SQLSTATE of its own, only the text of libc.
  if (code === SQLSTATE_DISK_FULL || isDiskFull(thrown))
    return new SluiceError('DISK_FULL', messageOf(thrown), { cause: thrown });
  if (TRANSIENT_SQLSTATE.test(code) || CONNECTION_ERRORS.has(code) || DRIVER_ERRORS.test(thrown.message))
    return new SluiceError('DATABASE_UNAVAILABLE', messageOf(thrown), { cause: thrown });
  return undefined;
}

/**
 * As databaseFailure, for statements on the tables of a run, which have limits. A statement that exceeds a limit would
 * exceed it again, so it is not retried: STATEMENT_TIMEOUT, OUT_OF_MEMORY. The error of a statement that was canceled
 * on request is also STATEMENT_TIMEOUT; the caller that aborted it reports the abort instead.
 */
export function statementFailure(thrown: unknown): SluiceError | undefined {
  if (isOutOfMemory(thrown))
    return new SluiceError('OUT_OF_MEMORY', `PostgreSQL could not allocate memory (${messageOf(thrown)}).`, {
      cause: thrown,
    });
  if (thrown instanceof Error && (thrown as { code?: string }).code === SQLSTATE_CANCELED)
    return new SluiceError(
      'STATEMENT_TIMEOUT',
      'PostgreSQL canceled a statement that exceeded STATEMENT_TIMEOUT_SECONDS.',
      { cause: thrown },
    );
  return databaseFailure(thrown);
}

/** Whether PostgreSQL or GEOS could not allocate memory for a statement. */
export function isOutOfMemory(thrown: unknown): thrown is Error {
  if (!(thrown instanceof Error) || thrown instanceof SluiceError) return false;
  return (thrown as { code?: string }).code === SQLSTATE_OUT_OF_MEMORY || GEOS_OUT_OF_MEMORY.test(thrown.message);
}

/** An AggregateError, thrown when a host has several addresses, has no message. */
function messageOf(error: Error): string {
  return error.message || `Could not connect to PostgreSQL (${(error as { code?: string }).code ?? error.name}).`;
}
