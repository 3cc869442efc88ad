import type { Readable } from 'node:stream';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** A client whose request is rejected repeats the request after this time. Most transfers take less. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Limits how many uploads or downloads the gateway serves at the same time. Each holds sockets and buffers for as long
 * as its client needs.
 */
export class TransferLimit {
  readonly #limit: number;
  readonly #what: 'uploads' | 'downloads';
  #open = 0;

  constructor(what: 'uploads' | 'downloads', limit: number) {
    this.#what = what;
    this.#limit = limit;
  }

  /** Executes a transfer. Throws TOO_MANY_TRANSFERS if the limit is reached. */
  async during<T>(transfer: () => Promise<T>): Promise<T> {
    this.#begin();
    try {
      return await transfer();
    } finally {
      this.#open -= 1;
    }
  }

  /** Opens a stream, which counts until it is closed. Throws TOO_MANY_TRANSFERS if the limit is reached. */
  async untilClosed(open: () => Promise<Readable>): Promise<Readable> {
    this.#begin();
    try {
      const stream = await open();
      const end = () => {
        this.#open -= 1;
      };
      if (stream.destroyed) end();
      else stream.once('close', end);
      return stream;
    } catch (thrown) {
      this.#open -= 1;
      throw thrown;
    }
  }

  #begin(): void {
    if (this.#open >= this.#limit)
      throw new SluiceError('TOO_MANY_TRANSFERS', `The gateway already serves ${this.#limit} ${this.#what}.`, {
        retryAfterSeconds: RETRY_AFTER_SECONDS,
        details: { limit: this.#limit },
      });
    this.#open += 1;
  }
}
