import { asSluiceError } from '#shared/errors/sluice-error.ts';

/** A server that does not respond within this time counts as down. */
const PING_TIMEOUT_MS = 5_000;
/** A request after this time checks the server again. Frequent requests do not load the servers. */
const FRESH_MS = 250;
/** A younger result is returned while the server is checked. */
const CURRENT_MS = 1_000;
/**
 * How long a request waits for the check when the result is older. Then it returns that result, because it must respond
 * in 100 ms, also when it has to wait for a processor.
 */
const WAIT_MS = 20;

/**
 * The last known state of a server: `ok`, or why it is down. A request never waits long for a slow server. The first
 * state is `ok`, because Sluice starts only when its servers respond.
 */
export class ServerCheck {
  readonly #ping: () => Promise<void>;
  #result = 'ok';
  #checkedAt = -Infinity;
  #running: Promise<void> | undefined;
  #isSlow = false;

  /** `ping` rejects if the server is down. */
  constructor(ping: () => Promise<void>) {
    this.#ping = ping;
  }

  /** The state, at most CURRENT_MS old if the server responds in WAIT_MS. */
  async state(): Promise<string> {
    const age = performance.now() - this.#checkedAt;
    if (this.#running === undefined && age >= FRESH_MS) this.#running = this.#check();
    if (this.#running !== undefined && age >= CURRENT_MS) await within(this.#running, WAIT_MS);
    return this.#isSlow ? `No response within ${PING_TIMEOUT_MS / 1000} s.` : this.#result;
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
