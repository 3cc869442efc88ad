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
  'GDAL_MISSING',
  'SETUP_FAILED',
]);

/** True if the event can succeed when it is delivered again, after the cause in the installation was corrected. */
export function isSystemFailure(code: ErrorCodeName): boolean {
  return ERROR_CODES[code].retryable || PERMANENT_FAILURES.has(code);
}
