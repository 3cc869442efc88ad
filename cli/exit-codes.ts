import { ERROR_CODES } from '#shared/errors/codes.ts';
import type { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Status } from '#shared/contracts/statuses.ts';

/** The exit codes of `sluice`. */
export const EXIT = {
  success: 0,
  /** The run failed or was canceled, or the manifest was rejected. */
  failed: 1,
  /** Wrong usage, including a file, run or asset that does not exist. */
  usage: 2,
  /** Sluice does not respond, or is still starting. */
  unreachable: 3,
  /** Ctrl-C: 128 + SIGINT, the convention of shells. */
  interrupted: 130,
} as const;

/** Errors of the command itself, before it uploads anything. For a run that failed with one of them, the code is 1. */
const USAGE_CODES = new Set([
  'REQUEST_INVALID',
  'FORMAT_NOT_SUPPORTED',
  'RUN_NOT_FOUND',
  'ASSET_NOT_FOUND',
  'DEAD_LETTER_NOT_FOUND',
  'CONFIG_INVALID',
]);

/** The exit code of a command that failed. */
export function exitCodeOfError({ code }: Pick<SluiceError, 'code'>): number {
  if (USAGE_CODES.has(code)) return EXIT.usage;
  return ERROR_CODES[code].retryable ? EXIT.unreachable : EXIT.failed;
}

/** The exit code for the current status of a run. */
export function exitCodeOfStatus(status: Status): number {
  return status === 'success' || status === 'running' ? EXIT.success : EXIT.failed;
}
