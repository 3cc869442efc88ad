/**
 * What ends a call: signals from outside, and a time limit. `signal` is for the work. Release it when the work has ended: without that,
 * the long-lived signals would hold on to every call that there was (as AbortSignal.any does while anything listens).
 */
export class CallLimits {
  readonly #controller = new AbortController();
  readonly #sources: AbortSignal[];
  readonly #timer: NodeJS.Timeout | undefined;
  readonly #end: () => void;
  #abandon: NodeJS.Timeout | undefined;
  #timedOut = false;

  constructor(sources: AbortSignal[], seconds?: number) {
    this.#sources = sources;
    this.#end = () => this.#controller.abort();
    for (const source of sources) {
      if (source.aborted) this.#end();
      else source.addEventListener('abort', this.#end, { once: true });
    }
    if (seconds === undefined) return;
    this.#timer = setTimeout(
      () => {
        this.#timedOut = true;
        this.#end();
      },
      Math.min(seconds * 1000, TIMER_MAX_MS),
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** True when it was the time limit that ended the call. */
  get timedOut(): boolean {
    return this.#timedOut;
  }

  /** Settles as `work` does; rejects with `error()` when it goes on for `milliseconds` after it was told to end. */
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
    for (const source of this.#sources) source.removeEventListener('abort', this.#end);
  }
}

/** setTimeout can't wait longer than 24.8 days. */
const TIMER_MAX_MS = 2 ** 31 - 1;
