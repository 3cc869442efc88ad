import { ERROR_CODES } from '#shared/errors/codes.ts';
import type { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Status } from '#shared/contracts/statuses.ts';

/** What `sluice` exits with. */
export const EXIT = {
  success: 0,
  /** The run failed or was canceled, or the manifest was rejected. */
  failed: 1,
  /** Wrong usage: also a file, run or asset that does not exist. */
  usage: 2,
  /** Sluice does not answer, or not yet. */
  unreachable: 3,
  /** Ctrl-C: 128 + SIGINT, as shells have it. */
  interrupted: 130,
} as const;

/** Thrown before anything was uploaded: a run that fails with such a code is a state that was read, not an error of the command. */
const USAGE_CODES = new Set([
  'REQUEST_INVALID',
  'FORMAT_NOT_SUPPORTED',
  'RUN_NOT_FOUND',
  'ASSET_NOT_FOUND',
  'DEAD_LETTER_NOT_FOUND',
  'CONFIG_INVALID',
]);

/** Of an error that kept a command from its end. */
export function exitCodeOfError({ code }: Pick<SluiceError, 'code'>): number {
  if (USAGE_CODES.has(code)) return EXIT.usage;
  return ERROR_CODES[code].retryable ? EXIT.unreachable : EXIT.failed;
}

/** Of a run as it stands. */
export function exitCodeOfStatus(status: Status): number {
  return status === 'success' || status === 'running' ? EXIT.success : EXIT.failed;
}
