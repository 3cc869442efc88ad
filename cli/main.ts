import { parseEnv } from '#shared/config/env.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { describeError } from '#shared/api/describe-run.ts';
import { EXIT } from './exit-codes.ts';
import { usageJson } from './output/json-output.ts';
import { runProgram } from './program.ts';
import { writeJson } from './run-command.ts';
import { colorsFor, type Terminal } from './output/terminal.ts';

/** The command line: runs one command, returns the exit code. */
export async function main(args: string[], screens: Pick<Terminal, 'stdout' | 'stderr'> = process): Promise<number> {
  try {
    return await runProgram(args, screens, parseEnv(process.env));
  } catch (thrown) {
    const error = asSluiceError(thrown).toDocument();
    screens.stderr.write(`${describeError(error, colorsFor(screens.stderr))}\n`);
    if (args.includes('--json')) writeJson(screens, usageJson(args, error));
    return EXIT.usage;
  }
}
