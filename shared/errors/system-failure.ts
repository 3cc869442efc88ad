import { ERROR_CODES, type ErrorCodeName } from './codes.ts';

/**
 * Permanent errors of the installation or of Sluice itself. All other permanent errors follow from what a user
 * uploaded or requested, so that a repeat of the same event fails again.
 */
const PERMANENT_FAILURES = new Set<ErrorCodeName>([
  'TABLES_LOST',
  'OUTPUT_INVALID',
  'RUN_STUCK',
  'WORKER_DIED',
  'EVENT_INVALID',
  'UNAUTHORIZED',
  'FUNCTION_NOT_FOUND',
  'CONFIG_INVALID',
  'STORE_DENIED',
  'STORE_PUBLIC',
  'GDAL_MISSING',
  'SETUP_FAILED',
]);

/** True if the event can succeed when it is delivered again, after the cause in the installation was corrected. */
export function isSystemFailure(code: ErrorCodeName): boolean {
  return ERROR_CODES[code].retryable || PERMANENT_FAILURES.has(code);
}

/** Error codes of Node.js: the disk is full, or the user has reached the quota. */
const CODES = new Set(['ENOSPC', 'EDQUOT']);
/** The texts of libc for these codes, which programs and libraries repeat in their messages, and the text of SQLite. */
const TEXTS = /No space left on device|Disk quota exceeded|database or disk is full/i;

/** Whether an error means that the disk is full. */
export function isDiskFull(thrown: unknown): boolean {
  const { code, message } = (thrown ?? {}) as { code?: unknown; message?: unknown };
  return (typeof code === 'string' && CODES.has(code)) || (typeof message === 'string' && reportsFullDisk(message));
}

/** Whether the message of a program means that the disk is full. */
export function reportsFullDisk(text: string): boolean {
  return TEXTS.test(text);
}
