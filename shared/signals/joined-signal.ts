/** Longest delay of setTimeout: 24.8 days. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * A signal that aborts with the first of several signals, or after a time. Dispose it when the work has ended
 * (`using`): until then the sources, which can live as long as the process, keep a reference to it. A signal of
 * AbortSignal.any has no such end: with a listener, it stays in memory as long as its sources.
 */
export class JoinedSignal implements Disposable {
  readonly #controller = new AbortController();
  readonly #listeners: (readonly [source: AbortSignal, abort: () => void])[];
  readonly #timer: NodeJS.Timeout | undefined;
  #timedOut = false;

  constructor(sources: readonly AbortSignal[], milliseconds?: number) {
    this.#listeners = sources.map((source) => [source, () => this.#controller.abort(source.reason)]);
    for (const [source, abort] of this.#listeners) {
      if (source.aborted) abort();
      else source.addEventListener('abort', abort, { once: true });
    }
    if (milliseconds === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timedOut = !this.signal.aborted;
        this.#controller.abort(new DOMException('The time limit was exceeded.', 'TimeoutError'));
      },
      Math.min(milliseconds, MAX_TIMER_MS),
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** True when the time limit aborted the signal. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  [Symbol.dispose](): void {
    clearTimeout(this.#timer);
    for (const [source, abort] of this.#listeners) source.removeEventListener('abort', abort);
  }
}
