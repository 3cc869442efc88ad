/** Longest delay of setTimeout: 24.8 days. */
export const MAX_TIMER_MS = 2 ** 31 - 1;

/**
 * The limits of one call: source signals and a time limit, combined in `signal`. Call release() when the call has
 * ended: otherwise the long-lived source signals would keep a reference to every call, as they do with AbortSignal.any.
 */
export class CallLimits {
  readonly #controller = new AbortController();
  readonly #sources: AbortSignal[];
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #abort: () => void;
  #abandon: NodeJS.Timeout | undefined;
  #timedOut = false;

  constructor(sources: AbortSignal[], seconds?: number) {
    this.#sources = sources;
    this.#abort = () => this.#controller.abort();
    for (const source of sources) {
      if (source.aborted) this.#abort();
      else source.addEventListener('abort', this.#abort, { once: true });
    }
    if (seconds === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timedOut = true;
        this.#abort();
      },
      Math.min(seconds * 1000, MAX_TIMER_MS),
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** True when the time limit aborted the call. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  /** The result of `work`; rejects with `error()` when it continues for `milliseconds` after the abort. */
  async orAbandon<T>(work: Promise<T>, milliseconds: number, error: () => Error): Promise<T> {
    const abandoned = new Promise<never>((_resolve, reject) => {
      const leave = () => {
        this.#abandon = setTimeout(() => reject(error()), milliseconds);
      };
      if (this.signal.aborted) leave();
      else this.signal.addEventListener('abort', leave, { once: true });
    });
    return Promise.race([work, abandoned]);
  }

  release(): void {
    clearTimeout(this.#timer);
    clearTimeout(this.#abandon);
    for (const source of this.#sources) source.removeEventListener('abort', this.#abort);
  }
}
