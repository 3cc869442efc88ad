import { ERROR_CODES, type ErrorCodeName } from './codes.ts';

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

/** Converts any thrown value. Known system errors get their code; all others get INTERNAL. */
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
/** SQLSTATE classes of transient errors: connection, shutdown, resources, serialization. */
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
