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

/** Longer messages are cut. They can quote a value, a name or an error of another program, of any length. */
const MAX_MESSAGE_CHARACTERS = 4_000;
/** The lists and texts of larger details, as JSON, are cut. Each copy of an error is stored and sent as a whole. */
const MAX_DETAILS_CHARACTERS = 64 * 2 ** 10;
/** Entries of a list or an object, and characters of a text, in details that are cut. */
const [MAX_ENTRIES, MAX_TEXT_CHARACTERS] = [50, 500];

/**
 * The only error type of Sluice. `code` determines whether the router retries; `message` is for the user. Long messages
 * and large details are cut.
 */
export class SluiceError extends Error {
  readonly code: ErrorCodeName;
  readonly details: Record<string, unknown>;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCodeName, message: string, options: SluiceErrorOptions = {}) {
    super(shortened(message, MAX_MESSAGE_CHARACTERS), { cause: options.cause });
    this.name = 'SluiceError';
    this.code = code;
    this.details = boundedDetails(options.details ?? {});
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

/** A text without its middle. */
function shortened(text: string, maxCharacters: number): string {
  if (text.length <= maxCharacters) return text;
  const kept = Math.floor((maxCharacters - 1) / 2);
  // A character of two UTF-16 units may be cut. PostgreSQL cannot store the half of it.
  return `${text.slice(0, kept)}…${text.slice(-kept)}`.toWellFormed();
}

function boundedDetails(details: Record<string, unknown>): Record<string, unknown> {
  const isLarge = (JSON.stringify(details)?.length ?? 0) > MAX_DETAILS_CHARACTERS;
  return isLarge ? (cutValue(details) as Record<string, unknown>) : details;
}

function cutValue(value: unknown): unknown {
  if (typeof value === 'string') return shortened(value, MAX_TEXT_CHARACTERS);
  if (Array.isArray(value)) return value.slice(0, MAX_ENTRIES).map(cutValue);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).slice(0, MAX_ENTRIES);
  return Object.fromEntries(entries.map(([name, entry]) => [shortened(name, MAX_TEXT_CHARACTERS), cutValue(entry)]));
}
