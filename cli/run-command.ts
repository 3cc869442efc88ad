import { asSluiceError, type SluiceError } from '#shared/errors/sluice-error.ts';
import { describeError } from '#shared/api/describe-run.ts';
import { EXIT, exitCodeOfError } from './exit-codes.ts';
import { colorsFor, type Terminal } from './output/terminal.ts';

/** A command: does its work, writes its answer, returns its exit code. */
export type Command = (signal: AbortSignal) => Promise<number>;

interface Reactions {
  /** What --json shows when the command is kept from its end. */
  errorJson?: (error: SluiceError) => unknown;
  /** What to say after Ctrl-C. */
  interrupted?: () => string;
}

/** Runs a command: errors become plain words and an exit code, Ctrl-C stops it. */
export async function runCommand(
  command: Command,
  terminal: Terminal,
  { errorJson = (error) => ({ error: error.toDocument() }), interrupted }: Reactions = {},
): Promise<number> {
  const stop = new AbortController();
  const onInterrupt = () => stop.abort();
  process.once('SIGINT', onInterrupt);
  try {
    return await command(stop.signal);
  } catch (thrown) {
    if (stop.signal.aborted) {
      terminal.stderr.write(`${interrupted?.() ?? 'Stopped.'}\n`);
      return EXIT.interrupted;
    }
    const error = asSluiceError(thrown);
    terminal.stderr.write(`${describeError(error.toDocument(), colorsFor(terminal.stderr))}\n`);
    if (terminal.json) writeJson(terminal, errorJson(error));
    return exitCodeOfError(error);
  } finally {
    process.off('SIGINT', onInterrupt);
  }
}

/** The one JSON document of standard output. */
export function writeJson({ stdout }: Pick<Terminal, 'stdout'>, document: unknown): void {
  stdout.write(`${JSON.stringify(document, undefined, 2)}\n`);
}
