import { databaseFailure } from '#shared/errors/database-failure.ts';
import { asSluiceError, type SluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';

/** An error of the router's database clients as a SluiceError. */
export function asDatabaseError(thrown: unknown): SluiceError {
  return databaseFailure(thrown) ?? asSluiceError(thrown);
}

/** Whether an error of the router's database clients means that PostgreSQL cannot be reached. */
export function isDatabaseUnavailable(thrown: unknown): boolean {
  return asDatabaseError(thrown).code === 'DATABASE_UNAVAILABLE';
}

/** Logs once when the control database becomes unavailable, and once when it is available again. */
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
