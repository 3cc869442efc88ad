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

/** The limits of one call: source signals and a time limit, combined in `signal`. Call release() after the call. */
export class CallLimits extends JoinedSignal {
  #abandon: NodeJS.Timeout | undefined;

  constructor(sources: readonly AbortSignal[], seconds?: number) {
    super(sources, seconds === undefined ? undefined : seconds * 1000);
  }

  /** The result of `work`; rejects with `error()` when it continues for `milliseconds` after the abort. */
  async orAbandon<T>(work: Promise<T>, milliseconds: number, error: () => Error): Promise<T> {
    const abandoned = new Promise<never>((_resolve, reject) => {
      const startTimer = () => {
        this.#abandon = setTimeout(() => reject(error()), milliseconds);
      };
      if (this.signal.aborted) startTimer();
      else this.signal.addEventListener('abort', startTimer, { once: true });
    });
    return Promise.race([work, abandoned]);
  }

  release(): void {
    clearTimeout(this.#abandon);
    this[Symbol.dispose]();
  }
}
