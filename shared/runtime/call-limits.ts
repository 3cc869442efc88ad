import { JoinedSignal } from '#shared/signals/joined-signal.ts';

/** The limits of one call: source signals and a time limit, combined in `signal`. Call release() after the call. */
export class CallLimits extends JoinedSignal {
  #abandon: NodeJS.Timeout | undefined;

  constructor(sources: readonly AbortSignal[], seconds?: number) {
    super(sources, seconds === undefined ? undefined : seconds * 1000);
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
    clearTimeout(this.#abandon);
    this[Symbol.dispose]();
  }
}
