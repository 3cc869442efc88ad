import { Command, CommanderError } from 'commander';
import { formatError } from '#shared/api/format-run.ts';
import { type Env, parseEnv, publicUrl } from '#shared/config/env.ts';
import { SLUICE_VERSION } from '#shared/config/version.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { GatewayClient } from './gateway-client.ts';
import type { CommandParts } from './command-parts.ts';
import { defineCommands } from './define-commands.ts';
import { EXIT, writeJson } from './run-command.ts';
import { usageJson } from './output/json-output.ts';
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

type Streams = Pick<Terminal, 'stdout' | 'stderr'>;

/** Parses the arguments, executes one command, and returns the exit code. */
export async function runProgram(args: string[], streams: Streams, env: Env): Promise<number> {
  let exitCode: number = EXIT.success;
  const url = gatewayUrl(env);
  const client = new GatewayClient(url, {
    login: env,
    onStarting: () => streams.stderr.write(`Sluice is starting at ${url}. Waiting until it is ready …\n`),
  });
  const program = createProgram(streams, {
    env,
    client,
    terminal: ({ json }) => ({ stdout: streams.stdout, stderr: streams.stderr, json: json === true }),
    setExitCode: (code) => {
      exitCode = code;
    },
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return EXIT.success; // --help and --version.
    // Commander has already written its message to standard error.
    const message = thrown.message.replace(/^error: /, '');
    const error = new SluiceError('REQUEST_INVALID', message, { details: { arguments: args } });
    if (args.includes('--json')) writeJson(streams, usageJson(args, error.toDocument()));
    return EXIT.usage;
  }
}

function createProgram({ stdout, stderr }: Streams, parts: CommandParts): Command {
  const program = new Command('sluice')
    .description('Ingest spatial files into the data lake, and show its contents.')
    .version(SLUICE_VERSION, '--version', 'print the version')
    .exitOverride()
    .configureOutput({ writeOut: (text) => void stdout.write(text), writeErr: (text) => void stderr.write(text) })
    .showHelpAfterError('(see sluice --help, or sluice COMMAND --help)')
    .addHelpText('after', HELP);
  defineCommands(program, parts);
  return program;
}

const HELP = `
sluice connects to the gateway at SLUICE_URL, by default http://HOST:PORT. While Sluice starts, commands wait.
If the gateway requires a login, set SLUICE_TOKEN, or SLUICE_USER and SLUICE_PASSWORD (docs/operations.md).
Exit codes:
  0    success
  1    the run failed or was canceled, the manifest was rejected, reconcile found discrepancies,
       or health reports that Sluice cannot process runs
  2    wrong usage, including a file, run or asset that does not exist
  3    Sluice does not respond, or is still starting
  130  interrupted by Ctrl-C

  npx sluice ingest roads.zip --dataset roads
  npx sluice ingest points.csv --dataset trees --crs EPSG:4326 --x-column lon --y-column lat
  npx sluice ingest prices.csv --dataset prices --intent ingest_tabular
  npx sluice ingest west.tif east.tif --dataset elevation --mosaic
  npx sluice join roads traffic --on road_id=id --dataset roads_traffic`;

/** The address of the gateway. Clients cannot connect to a wildcard address on every system. */
function gatewayUrl(env: Env): string {
  const isWildcard = env.HOST === '0.0.0.0' || env.HOST === '::';
  return env.SLUICE_URL ?? publicUrl({ ...env, PUBLIC_URL: undefined, HOST: isWildcard ? '127.0.0.1' : env.HOST });
}
