import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { env, publicUrl } from '#shared/config/env.ts';
import { STATUSES } from '#shared/ledger/documents.ts';
import { KeepVersionsSchema } from '#shared/manifest/manifest.ts';
import { activity } from './commands/activity.ts';
import { assets } from './commands/assets.ts';
import { lineage } from './commands/lineage.ts';
import { deadLetters, discard, redrive } from './commands/dead-letters.ts';
import { ingest, type IngestFlags } from './commands/ingest.ts';
import { join, type JoinFlags } from './commands/join.ts';
import { retention, type RetentionFlags } from './commands/retention.ts';
import { reconcile } from './commands/reconcile.ts';
import { type ActFlags, cancel, rerun, type RerunFlags } from './commands/run-acts.ts';
import { run, runs } from './commands/runs.ts';
import { setupStorageCommand } from './commands/setup-storage.ts';
import { EXIT } from './exit-codes.ts';
import { addRasterOptions } from './raster-options.ts';
import { addTabularOptions } from './tabular-options.ts';
import type { Terminal } from './terminal.ts';
import { userName } from './user-name.ts';

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

  const ingestCommand = program
    .command('ingest')
    .description('Upload files, wait for the run, show the asset.')
    .argument('<file...>', 'files of one dataset; what belongs to a file (.dbf, .prj, …) is found by itself')
    .requiredOption('--dataset <name>', 'dataset of which the asset becomes a version')
    .option('--crs <crs>', 'coordinate reference system, instead of what the file says (EPSG:27700)')
    .option('--layer <name>', 'layer to read, when the file has several')
    .option('--intent <intent>', 'what to do with the files; also names a recipe')
    .option('--recipe <file>', 'JSON file with parameters and steps of the recipe; docs/recipes.md lists them')
    .option('--format <format>', 'format, when the name does not tell it; docs/formats.md lists them')
    .option('--encoding <encoding>', 'encoding of its text, when the file does not say (ISO-8859-1)')
    .option('--x-column <name>', 'CSV: column of the x coordinate')
    .option('--y-column <name>', 'CSV: column of the y coordinate')
    .option('--wkt-column <name>', 'CSV: column of the geometry as WKT')
    .option('--project <name>', 'project, kept with the asset')
    .option('--description <text>', 'description, kept with the asset')
    .option('--force', 'make a new version, although one of the same input exists')
    .option('--keep-versions <count>', 'keep this many versions of the dataset from now on, and remove older ones', parseCount)
    .option('--uploader <name>', 'who uploads; your account by default')
    .option('--batch-id <id>', 'name of this batch, unique for ever; made up by default')
    .option('--json', 'one JSON document on standard output')
    .action(async (files: string[], flags: IngestFlags & { json?: boolean }) => { exitCode = await ingest(files, flags, url, terminal(flags)); });
  addTabularOptions(ingestCommand);
  addRasterOptions(ingestCommand);

  program
    .command('join')
    .description('Join a spatial asset with a table by key, wait for the run, show the asset.')
    .argument('<spatial>', 'an asset id, or a dataset, of which the newest version is taken')
    .argument('<table>', 'likewise, of a tabular asset')
    .requiredOption('--on <left=right>', 'key columns of the two; one name when both are called so')
    .requiredOption('--dataset <name>', 'dataset of which the asset becomes a version')
    .addOption(new Option('--how <how>', 'left keeps features without a row, inner drops them (default: left)').choices(['left', 'inner']))
    .option('--columns <names>', 'columns of the table to keep, comma-separated; all by default')
    .option('--prefix <text>', 'put before a column of the table whose name is taken (default: t_)')
    .option('--allow-duplicates', 'several rows with one key give several features; else they are an error')
    .option('--project <name>', 'project, kept with the asset')
    .option('--description <text>', 'description, kept with the asset')
    .option('--force', 'make a new version, although one of the same input exists')
    .option('--keep-versions <count>', 'keep this many versions of the dataset from now on, and remove older ones', parseCount)
    .option('--uploader <name>', 'who asks for it; your account by default')
    .option('--batch-id <id>', 'name of this batch, unique for ever; made up by default')
    .option('--json', 'one JSON document on standard output')
    .action(async (spatial: string, table: string, flags: JoinFlags & { json?: boolean }) => { exitCode = await join(spatial, table, flags, url, terminal(flags)); });

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
    .command('rerun')
    .description('Run the manifest of a run that has ended once more, as a new run.')
    .argument('<id>', 'the run to repeat')
    .option('--force', 'compute, although an asset of the same input and recipe exists')
    .option('--follow', 'wait until the new run has ended; exits 1 when it failed')
    .option('--request-id <id>', 'names this request: the same one again gives the same run; made up by default')
    .addOption(operatorOption())
    .option('--json', 'one JSON document on standard output')
    .action(async (id: string, flags: RerunFlags & { json?: boolean }) => { exitCode = await rerun(id, flags, url, terminal(flags)); });

  program
    .command('cancel')
    .description('Stop a run that is under way. Nothing of it reaches the lake.')
    .argument('<id>', 'its id')
    .addOption(operatorOption())
    .option('--json', 'one JSON document on standard output')
    .action(async (id: string, flags: ActFlags & { json?: boolean }) => { exitCode = await cancel(id, flags, url, terminal(flags)); });

  addDeadLetterCommands(program, (code) => { exitCode = code; }, url, terminal);

  program
    .command('activity')
    .description('Show who did what, the newest first.')
    .option('--run <id>', 'only of this run')
    .option('--limit <count>', 'how many', parseLimit, DEFAULT_LIMIT)
    .option('--json', 'a JSON array on standard output')
    .action(async (flags: { run?: string; limit: number; json?: boolean }) => { exitCode = await activity(flags, url, terminal(flags)); });

  program
    .command('assets')
    .description('List assets, the newest first.')
    .option('--dataset <name>', 'only of this dataset')
    .option('--limit <count>', 'how many', parseLimit, DEFAULT_LIMIT)
    .option('--json', 'a JSON array on standard output')
    .action(async (flags: { dataset?: string; limit: number; json?: boolean }) => { exitCode = await assets(flags, url, terminal(flags)); });

  program
    .command('retention')
    .description('Show how many versions of a dataset are kept, or set it. Older ones are removed from catalogue and lake, for good.')
    .argument('<dataset>', 'its name')
    .addOption(new Option('--keep <count>', 'keep this many of the newest versions').argParser(parseCount).conflicts('off'))
    .option('--off', 'keep all versions from now on')
    .addOption(operatorOption())
    .option('--json', 'one JSON document on standard output')
    .action(async (dataset: string, flags: RetentionFlags & { json?: boolean }) => { exitCode = await retention(dataset, flags, url, terminal(flags)); });

  program
    .command('lineage')
    .description('Show what an asset was made from, and what was made from it.')
    .argument('<asset>', 'its id')
    .option('--json', 'the graph as one JSON document on standard output')
    .action(async (id: string, flags: { json?: boolean }) => { exitCode = await lineage(id, url, terminal(flags)); });

  program
    .command('reconcile')
    .description('Compare the ledger with what stands in the lake. Exits 1 when they disagree.')
    .option('--deep', 'read every object, and compare hash and metadata')
    .option('--json', 'one JSON document on standard output')
    .action(async (flags: { deep?: boolean; json?: boolean }) => { exitCode = await reconcile(flags, url, terminal(flags)); });

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

type MakeTerminal = (flags: { json?: boolean }) => Terminal;

function addDeadLetterCommands(program: Command, exitWith: (code: number) => void, url: string, terminal: MakeTerminal): void {
  const command = program.command('dead-letters').description('Events that no try could deliver: list them, deliver one again, or take it off the list.');
  command
    .command('list', { isDefault: true })
    .description('List them, the newest first, with what to do about each.')
    .option('--limit <count>', 'how many', parseLimit, DEFAULT_LIMIT)
    .option('--json', 'a JSON array on standard output')
    .action(async (flags: { limit: number; json?: boolean }) => exitWith(await deadLetters(flags, url, terminal(flags))));
  for (const [name, act, description] of [['redrive', redrive, 'Deliver one again, after what stood in its way was mended.'], ['discard', discard, 'Take one off the list.']] as const) {
    command
      .command(name)
      .description(description)
      .argument('<id>', 'its id')
      .addOption(operatorOption())
      .option('--json', 'one JSON document on standard output')
      .action(async (id: string, flags: ActFlags & { json?: boolean }) => exitWith(await act(id, flags, url, terminal(flags))));
  }
}

function operatorOption(): Option {
  return new Option('--operator <name>', 'in whose name; kept in the log of acts').default(userName(), 'your account');
}

const HELP = `
Sluice is looked for at SLUICE_URL, else where npm start puts it.
Exit codes: 0 success, 1 the run failed or the manifest was rejected, 2 wrong usage, 3 Sluice does not answer.

  npx sluice ingest roads.zip --dataset roads
  npx sluice ingest points.csv --dataset trees --crs EPSG:4326 --x-column lon --y-column lat
  npx sluice ingest prices.csv --dataset prices --intent ingest_tabular
  npx sluice ingest west.tif east.tif --dataset elevation --mosaic
  npx sluice join roads traffic --on road_id=id --dataset roads_traffic`;

/** The gateway as this machine reaches it: an address that means "all" is no address to connect to. */
function gatewayUrl(): string {
  const everywhere = env.HOST === '0.0.0.0' || env.HOST === '::';
  return env.SLUICE_URL ?? publicUrl({ ...env, PUBLIC_URL: undefined, HOST: everywhere ? '127.0.0.1' : env.HOST });
}

function parseCount(text: string): number {
  const result = KeepVersionsSchema.safeParse(Number(text));
  if (!result.success) throw new InvalidArgumentError('It must be a whole number from 1.');
  return result.data;
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT) throw new InvalidArgumentError(`It must be 1 to ${MAX_LIMIT}.`);
  return limit;
}
