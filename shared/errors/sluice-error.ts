import { ERROR_CODES, type ErrorCodeName } from './codes.ts';

/** What an error looks like in a reply, on a run and in the API. */
export interface ErrorDocument {
  code: ErrorCodeName;
  message: string;
  details: Record<string, unknown>;
}

export interface SluiceErrorOptions {
  /** What the error is about: file, field, row, layer, … Must be JSON. */
  details?: Record<string, unknown>;
  cause?: unknown;
  /** Seconds that a transient error asks the caller to wait. */
  retryAfterSeconds?: number;
}

/** The one error type. `code` decides whether it is tried again; `message` is for a person. */
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

/** Anything thrown, as a SluiceError: known system errors get their code, the rest is INTERNAL. */
export function asSluiceError(thrown: unknown): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  const code = systemErrorCode(thrown);
  const message = thrown instanceof Error ? thrown.message || thrown.name : String(thrown);
  return new SluiceError(code, message, { cause: thrown });
}

const NETWORK_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENOENT_SOCKET',
]);
/** SQLSTATE classes after which another try can succeed: connection, shutdown, resources, serialization. */
const TRANSIENT_SQLSTATE = /^(08|53|57P|40)/;

function systemErrorCode(thrown: unknown): ErrorCodeName {
  if (!(thrown instanceof Error)) return 'INTERNAL';
  const { code, syscall } = thrown as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === '53100') return 'DISK_FULL';
  if (code !== undefined && TRANSIENT_SQLSTATE.test(code)) return 'DATABASE_UNAVAILABLE';
  if (/Connection terminated|not queryable|timeout exceeded when trying to connect/.test(thrown.message))
    return 'DATABASE_UNAVAILABLE';
  if (syscall === 'connect' && /\.s\.PGSQL\./.test(thrown.message)) return 'DATABASE_UNAVAILABLE';
  if (code !== undefined && NETWORK_ERRORS.has(code)) return 'STORE_UNAVAILABLE';
  return 'INTERNAL';
}
