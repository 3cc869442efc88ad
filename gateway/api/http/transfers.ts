import type { Readable } from 'node:stream';
import { create } from 'content-disposition';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** A range of bytes, both ends inclusive. */
export interface ByteRange {
  start: number;
  end: number;
}

/**
 * The range of a `Range` header (RFC 9110, section 14). Undefined for the whole object: without a header, for a unit
 * other than bytes, for an invalid header, and for several ranges, which a server may ignore. Throws RANGE_INVALID if
 * the range is outside the object.
 *
 * range-parser 1.3.0 was tried: it rejects a suffix that is longer than the object, which a reader of Parquet footers
 * sends, and it rejects the invalid header `bytes=9-1` instead of ignoring it.
 */
export function parseRange(header: string | undefined, size: number): ByteRange | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? '');
  if (match === null) return undefined;
  const [first, last] = [match[1] ?? '', match[2] ?? ''];
  if (first === '' && last === '') return undefined;
  const start = first === '' ? Math.max(0, size - Number(last)) : Number(first);
  const end = first === '' || last === '' ? size - 1 : Math.min(Number(last), size - 1);
  if (first !== '' && last !== '' && Number(last) < start) return undefined;
  if (start > end)
    throw new SluiceError('RANGE_INVALID', `The range ${header} is outside the object of ${size} bytes.`, {
      details: { size_bytes: size },
    });
  return { start, end };
}

/** Whether an If-None-Match header contains the tag. Weak tags match, as RFC 9110, section 13.1.2 requires. */
export function matchesTag(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}

/** `attachment` with a file name, and a readable ASCII name for clients that do not support `filename*` (RFC 6266). */
export function attachment(fileName: string): string {
  const name = fileName.toWellFormed();
  const ascii = name
    .normalize('NFKD')
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^\x20-\x7e]/gu, '_');
  return create(name, { fallback: ascii });
}

/** A client whose request is rejected repeats the request after this time. Most transfers take less. */
const RETRY_AFTER_SECONDS = 5;

/**
 * Limits how many uploads, downloads or logs the gateway serves at the same time. Each holds sockets and buffers for as
 * long as its client needs.
 */
export class TransferLimit {
  readonly #limit: number;
  readonly #what: string;
  #open = 0;

  /** `what` completes the sentence "The gateway already serves 50 …". */
  constructor(what: string, limit: number) {
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
