import { formatError } from '#shared/api/format-run.ts';
import type { Status } from '#shared/contracts/statuses.ts';
import { ERROR_CODES } from '#shared/errors/codes.ts';
import { asSluiceError, type SluiceError } from '#shared/errors/sluice-error.ts';
import { colorsFor, type Terminal } from './output/terminal.ts';

/** Executes a command, writes its result, and returns its exit code. */
export type Command = (signal: AbortSignal) => Promise<number>;

interface FailureOutput {
  /** The JSON document of --json when the command fails. */
  errorJson?: (error: SluiceError) => unknown;
  /** The message after Ctrl-C. */
  interrupted?: () => string;
}

/** Executes a command. Writes errors to standard error and converts them to exit codes. Ctrl-C aborts the command. */
export async function runCommand(
  command: Command,
  terminal: Terminal,
  { errorJson = (error) => ({ error: error.toDocument() }), interrupted }: FailureOutput = {},
): Promise<number> {
  const interruption = new AbortController();
  const onInterrupt = () => interruption.abort();
  process.once('SIGINT', onInterrupt);
  try {
    return await command(interruption.signal);
  } catch (thrown) {
    if (interruption.signal.aborted) {
      terminal.stderr.write(`${interrupted?.() ?? 'Interrupted.'}\n`);
      return EXIT.interrupted;
    }
    const error = asSluiceError(thrown);
    terminal.stderr.write(`${formatError(error.toDocument(), colorsFor(terminal.stderr))}\n`);
    if (terminal.json) writeJson(terminal, errorJson(error));
    return exitCodeOfError(error);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

/** Writes the JSON document of --json to standard output. */
export function writeJson({ stdout }: Pick<Terminal, 'stdout'>, document: unknown): void {
  stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
}

/** The exit codes of `sluice`. */
export const EXIT = {
  success: 0,
  /**
   * The run failed or was canceled, the manifest was rejected, `reconcile` found discrepancies, or `health` reports
   * that Sluice cannot process runs.
   */
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
  'DATASET_NOT_FOUND',
  'DEAD_LETTER_NOT_FOUND',
  'CONFIG_INVALID',
]);

/** The exit code of a command that failed. */
function exitCodeOfError({ code }: Pick<SluiceError, 'code'>): number {
  if (USAGE_CODES.has(code)) return EXIT.usage;
  return ERROR_CODES[code].retryable ? EXIT.unreachable : EXIT.failed;
}

/** The exit code for the current status of a run. */
export function exitCodeOfStatus(status: Status): number {
  return status === 'success' || status === 'running' ? EXIT.success : EXIT.failed;
}
