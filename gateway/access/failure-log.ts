import type { Logger } from '#shared/log/log.ts';

/** Failed logins are logged at most once in this time, with their number. */
const PERIOD_MS = 60_000;
/** Different users and addresses that one entry names. */
const MAX_NAMED = 20;
const MAX_REASON_CHARACTERS = 500;

/**
 * Logs failed logins in bounded entries. It names only users that exist: people type passwords into the field of the
 * name.
 */
export class FailureLog {
  readonly #log: Logger;
  #failures = 0;
  #users = new Set<string>();
  #addresses = new Set<string>();
  #reason: string | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  /** `user` is undefined for an unknown name or token. An entry has the last `reason`. */
  add(user: string | undefined, address: string, reason?: string): void {
    this.#failures += 1;
    this.#reason = reason?.slice(0, MAX_REASON_CHARACTERS) ?? this.#reason;
    if (user !== undefined && this.#users.size < MAX_NAMED) this.#users.add(user);
    if (this.#addresses.size < MAX_NAMED) this.#addresses.add(address);
    if (this.#timer !== undefined) return;
    this.#write(); // The first failure is logged immediately.
    this.#timer = setTimeout(() => this.#endPeriod(), PERIOD_MS).unref();
  }

  /** Logs the failures that are not logged yet. */
  close(): void {
    clearTimeout(this.#timer);
    this.#endPeriod();
  }

  #endPeriod(): void {
    this.#timer = undefined;
    if (this.#failures > 0) this.#write();
  }

  #write(): void {
    const entry = { failures: this.#failures, users: [...this.#users], addresses: [...this.#addresses] };
    this.#log.warn({ ...entry, ...(this.#reason && { reason: this.#reason }) }, 'Login:Check:Failed');
    this.#reason = undefined;
    this.#failures = 0;
    this.#users.clear();
    this.#addresses.clear();
  }
}
