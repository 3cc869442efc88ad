import { asSluiceError, type SluiceError } from '#shared/errors/sluice-error.ts';
import { formatError } from '#shared/api/format-run.ts';
import { EXIT, exitCodeOfError } from './exit-codes.ts';
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
