/** Reading uses at most this share of the time. */
const MAX_SHARE = 0.01;

/**
 * A value that is read from a database for each scrape of the metrics. The value is returned again for `freshMs`, and
 * for 100 times as long as the reading took: the cost of a query that grows with the data stays limited, however often
 * the metrics are read.
 */
export class BoundedReading<T> {
  readonly #read: () => Promise<T>;
  readonly #freshMs: number;
  readonly #now: () => number;
  #reading: Promise<T> | undefined;
  #freshUntil = -Infinity;

  constructor(
    read: () => Promise<T>,
    { freshMs, now = () => performance.now() }: { freshMs: number; now?: () => number },
  ) {
    this.#read = read;
    this.#freshMs = freshMs;
    this.#now = now;
  }

  /** Undefined if the value could not be read. The next call tries again. */
  async value(): Promise<T | undefined> {
    if (this.#now() >= this.#freshUntil) this.#start();
    return this.#reading?.catch(() => undefined);
  }

  #start(): void {
    const startedAt = this.#now();
    this.#freshUntil = Infinity;
    this.#reading = this.#read();
    this.#reading.then(
      () => {
        const now = this.#now();
        this.#freshUntil = now + Math.max(this.#freshMs, (now - startedAt) / MAX_SHARE);
      },
      () => (this.#freshUntil = -Infinity),
    );
  }
}
