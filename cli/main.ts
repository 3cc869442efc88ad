import { parseEnv } from '#shared/config/env.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { formatError } from '#shared/api/format-run.ts';
import { EXIT } from './exit-codes.ts';
import { usageJson } from './output/json-output.ts';
import { runProgram } from './program.ts';
import { writeJson } from './run-command.ts';
import { colorsFor, type Terminal } from './output/terminal.ts';

/** Executes one command of the command line, and returns the exit code. */
export async function main(args: string[], streams: Pick<Terminal, 'stdout' | 'stderr'> = process): Promise<number> {
  try {
    return await runProgram(args, streams, parseEnv(process.env));
  } catch (thrown) {
    const error = asSluiceError(thrown).toDocument();
    streams.stderr.write(`${formatError(error, colorsFor(streams.stderr))}\n`);
    if (args.includes('--json')) writeJson(streams, usageJson(args, error));
    return EXIT.usage;
  }
}
