import { asSluiceError } from '#shared/errors/sluice-error.ts';

/** A server that does not respond within this time counts as down. */
const PING_TIMEOUT_MS = 5_000;
/** A result is returned again for this time, so that frequent requests do not load the servers. */
const FRESH_MS = 250;
/** How long a request waits for a new result. Then it returns the previous one, because it must respond in 100 ms. */
const WAIT_MS = 50;

/** The last known state of a server: `ok`, or why it is down. A request never waits long for a slow server. */
export class ServerCheck {
  readonly #ping: () => Promise<void>;
  #result: string | undefined;
  #checkedAt = -Infinity;
  #running: Promise<void> | undefined;
  #isSlow = false;

  /** `ping` rejects if the server is down. */
  constructor(ping: () => Promise<void>) {
    this.#ping = ping;
  }

  /** The state, at most FRESH_MS old if the server responds in WAIT_MS. The first request waits for PING_TIMEOUT_MS. */
  async state(): Promise<string> {
    if (this.#running === undefined && performance.now() - this.#checkedAt >= FRESH_MS) this.#running = this.#check();
    if (this.#running !== undefined)
      await within(this.#running, this.#result === undefined ? PING_TIMEOUT_MS : WAIT_MS);
    return this.#isSlow || this.#result === undefined
      ? `No response within ${PING_TIMEOUT_MS / 1000} s.`
      : this.#result;
  }

  /** Never rejects. A ping that does not end is not repeated: it would occupy further connections. */
  async #check(): Promise<void> {
    const timer = setTimeout(() => {
      this.#isSlow = true;
    }, PING_TIMEOUT_MS).unref();
    this.#result = await this.#ping().then(
      () => 'ok',
      (thrown: unknown) => asSluiceError(thrown).message,
    );
    clearTimeout(timer);
    this.#isSlow = false;
    this.#checkedAt = performance.now();
    this.#running = undefined;
  }
}

async function within(work: Promise<void>, milliseconds: number): Promise<void> {
  const limit = Promise.withResolvers<void>();
  const timer = setTimeout(limit.resolve, milliseconds);
  await Promise.race([work, limit.promise]);
  clearTimeout(timer);
}
