import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { env, publicUrl } from '#shared/config/env.ts';
import { STATUSES } from '#shared/ledger/documents.ts';
import { assets } from './commands/assets.ts';
import { ingest, type IngestFlags } from './commands/ingest.ts';
import { run, runs } from './commands/runs.ts';
import { setupStorageCommand } from './commands/setup-storage.ts';
import { EXIT } from './exit-codes.ts';
import type { Terminal } from './terminal.ts';

/** Rows of a list, unless asked otherwise; the gateway gives 500 at most. */
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 500;

/** The command line: parses, runs one command, returns the exit code. */
export async function main(args: string[], screens: Pick<Terminal, 'stdout' | 'stderr'> = process): Promise<number> {
  let exitCode: number = EXIT.success;
  const program = new Command('sluice')
    .description('Brings spatial files into the data lake and shows what is there.')
    .exitOverride()
    .configureOutput({ writeOut: (text) => void screens.stdout.write(text), writeErr: (text) => void screens.stderr.write(text) })
    .showHelpAfterError('(see sluice --help)')
    .addHelpText('after', HELP);
  const terminal = (flags: { json?: boolean }): Terminal => ({ stdout: screens.stdout, stderr: screens.stderr, json: flags.json === true });
  const url = gatewayUrl();

  program
    .command('ingest')
    .description('Upload files, wait for the run, show the asset.')
    .argument('<file...>', 'files of one dataset; what belongs to a file (.dbf, .prj, …) is found by itself')
    .requiredOption('--dataset <name>', 'dataset of which the asset becomes a version')
    .option('--crs <crs>', 'coordinate reference system, instead of what the file says (EPSG:27700)')
    .option('--layer <name>', 'layer to read, when the file has several')
    .option('--intent <intent>', 'what to do with the files; also names a recipe')
    .option('--format <format>', 'format, when the name does not tell it; docs/formats.md lists them')
    .option('--encoding <encoding>', 'encoding of its text, when the file does not say (ISO-8859-1)')
    .option('--x-column <name>', 'CSV: column of the x coordinate')
    .option('--y-column <name>', 'CSV: column of the y coordinate')
    .option('--wkt-column <name>', 'CSV: column of the geometry as WKT')
    .option('--project <name>', 'project, kept with the asset')
    .option('--description <text>', 'description, kept with the asset')
    .option('--uploader <name>', 'who uploads; your account by default')
    .option('--batch-id <id>', 'name of this batch, unique for ever; made up by default')
    .option('--json', 'one JSON document on standard output')
    .action(async (files: string[], flags: IngestFlags & { json?: boolean }) => { exitCode = await ingest(files, flags, url, terminal(flags)); });

  program
    .command('runs')
    .description('List runs, the newest first.')
    .addOption(new Option('--status <status>', 'only of this status').choices(STATUSES))
    .option('--dataset <name>', 'only of this dataset')
    .option('--limit <count>', 'how many', parseLimit, DEFAULT_LIMIT)
    .option('--json', 'a JSON array on standard output')
    .action(async (flags: { limit: number; json?: boolean }) => { exitCode = await runs(flags, url, terminal(flags)); });

  program
    .command('run')
    .description('Show one run. Exits 1 when it failed.')
    .argument('<id>', 'its id')
    .option('--follow', 'wait until it has ended')
    .option('--json', 'one JSON document on standard output')
    .action(async (id: string, flags: { follow?: boolean; json?: boolean }) => { exitCode = await run(id, flags, url, terminal(flags)); });

  program
    .command('assets')
    .description('List assets, the newest first.')
    .option('--dataset <name>', 'only of this dataset')
    .option('--limit <count>', 'how many', parseLimit, DEFAULT_LIMIT)
    .option('--json', 'a JSON array on standard output')
    .action(async (flags: { dataset?: string; limit: number; json?: boolean }) => { exitCode = await assets(flags, url, terminal(flags)); });

  program
    .command('setup-storage')
    .description('Make the buckets and the notification rule of the object store at S3_ENDPOINT.')
    .action(async () => { exitCode = await setupStorageCommand(terminal({})); });

  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    // Commander has said what was wrong; asking for help is no error.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? EXIT.success : EXIT.usage;
    throw thrown;
  }
}

const HELP = `
Sluice is looked for at SLUICE_URL, else where npm start puts it.
Exit codes: 0 success, 1 the run failed or the manifest was rejected, 2 wrong usage, 3 Sluice does not answer.

  npx sluice ingest roads.zip --dataset roads
  npx sluice ingest points.csv --dataset trees --crs EPSG:4326 --x-column lon --y-column lat`;

/** The gateway as this machine reaches it: an address that means "all" is no address to connect to. */
function gatewayUrl(): string {
  const everywhere = env.HOST === '0.0.0.0' || env.HOST === '::';
  return env.SLUICE_URL ?? publicUrl({ ...env, PUBLIC_URL: undefined, HOST: everywhere ? '127.0.0.1' : env.HOST });
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) throw new InvalidArgumentError(`It must be 1 to ${MAX_LIMIT}.`);
  return limit;
}
