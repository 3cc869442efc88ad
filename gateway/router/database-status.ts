import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';

/** Messages of the `pg` driver, which have no code, for a connection that timed out or was closed. */
const CLOSED_CONNECTION = /^Query read timeout$|Client was closed|not queryable|Connection terminated/;

/**
 * DATABASE_UNAVAILABLE if an error of the driver means that PostgreSQL cannot be reached, otherwise undefined. Call it
 * only for errors of PostgreSQL clients: a network error is always taken for one of the database.
 */
export function databaseUnavailable(thrown: unknown): SluiceError | undefined {
  if (thrown instanceof Error && CLOSED_CONNECTION.test(thrown.message))
    return new SluiceError('DATABASE_UNAVAILABLE', thrown.message, { cause: thrown });
  const error = asSluiceError(thrown);
  if (error.code === 'DATABASE_UNAVAILABLE') return error;
  return error.code === 'STORE_UNAVAILABLE'
    ? new SluiceError('DATABASE_UNAVAILABLE', error.message, { cause: thrown })
    : undefined;
}

/**
 * Logs once when the control database becomes unavailable and once when it is available again, not per failed
 * statement.
 */
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
