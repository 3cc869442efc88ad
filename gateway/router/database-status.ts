import type { Logger } from '#shared/log/log.ts';

/** Says once that the control database is away, and once that it is back, however many statements fail between. */
export class Availability {
  #log: Logger;
  #away: number | undefined;

  constructor(log: Logger) {
    this.#log = log;
  }

  get isAway(): boolean {
    return this.#away !== undefined;
  }

  down(reason: unknown): void {
    if (this.#away !== undefined) return;
    this.#away = Date.now();
    this.#log.warn({ reason: reason instanceof Error ? reason.message : String(reason) }, 'Router:Database:Away');
  }

  up(): void {
    if (this.#away === undefined) return;
    this.#log.info({ seconds: (Date.now() - this.#away) / 1000 }, 'Router:Database:Back');
    this.#away = undefined;
  }
}
