import { ERROR_CODES, type ErrorCodeName } from './codes.ts';
import { isDiskFull } from './system-failure.ts';

/** The form of an error in replies, run documents and the API. */
export interface ErrorDocument {
  code: ErrorCodeName;
  message: string;
  details: Record<string, unknown>;
}

export interface SluiceErrorOptions {
  /** The subject of the error as JSON: file, field, row, layer, … */
  details?: Record<string, unknown>;
  cause?: unknown;
  /** Seconds that the caller should wait before it retries a transient error. */
  retryAfterSeconds?: number;
}

/** The only error type of Sluice. `code` determines whether the router retries; `message` is for the user. */
export class SluiceError extends Error {
  readonly code: ErrorCodeName;
  readonly details: Record<string, unknown>;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCodeName, message: string, options: SluiceErrorOptions = {}) {
    super(message, { cause: options.cause });
    this.name = 'SluiceError';
    this.code = code;
    this.details = options.details ?? {};
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  get retryable(): boolean {
    return ERROR_CODES[this.code].retryable;
  }

  toDocument(): ErrorDocument {
    return { code: this.code, message: this.message, details: this.details };
  }
}

/**
 * Converts any thrown value. A full disk is DISK_FULL; all other errors are INTERNAL. Errors of PostgreSQL and of the
 * object store get their codes where their clients are called (databaseFailure, storeError).
 */
export function asSluiceError(thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  const message = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  if (isDiskFull(thrown)) return new SluiceError('DISK_FULL', `The disk is full: ${message}`, { cause: thrown });
  return new SluiceError('INTERNAL', message, { cause: thrown });
}
