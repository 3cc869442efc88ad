import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { describeError } from '#shared/api/describe-run.ts';
import { EXIT } from './exit-codes.ts';
import { usageJson } from './json-output.ts';
import { writeJson } from './run-command.ts';
import { colorsFor, type Terminal } from './terminal.ts';

/** The command line: runs one command, returns the exit code. */
export async function main(args: string[], screens: Pick<Terminal, 'stdout' | 'stderr'> = process): Promise<number> {
  try {
    // Imported late: the environment is read when this is loaded, and a variable of it may be wrong.
    const { runProgram } = await import('./program.ts');
    return await runProgram(args, screens);
  } catch (thrown) {
    const error = asSluiceError(thrown).toDocument();
    screens.stderr.write(`${describeError(error, colorsFor(screens.stderr))}\n`);
    if (args.includes('--json')) writeJson(screens, usageJson(args, error));
    return EXIT.usage;
  }
}
