import { Command, CommanderError, Option } from 'commander';
import { type Env, publicUrl } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { STATUSES } from '#shared/contracts/statuses.ts';
import { SLUICE_VERSION } from '#shared/assets/store-asset.ts';
import { activity } from './commands/activity.ts';
import { assets } from './commands/assets.ts';
import { deadLetters, discard, redrive } from './commands/dead-letters.ts';
import { ingest, type IngestFlags } from './commands/ingest.ts';
import { join, type JoinFlags } from './commands/join.ts';
import { lineage } from './commands/lineage.ts';
import { reconcile } from './commands/reconcile.ts';
import { retention, type RetentionFlags } from './commands/retention.ts';
import { type ActFlags, cancel, rerun, type RerunFlags } from './commands/run-control.ts';
import { run, runs } from './commands/runs.ts';
import { setupStorageCommand } from './commands/setup-storage.ts';
import { EXIT } from './exit-codes.ts';
import { GatewayClient } from './client/gateway-client.ts';
import { usageJson } from './output/json-output.ts';
import { addBatchOptions, addListOptions, jsonOption, operatorOption, parseCount } from './input/options.ts';
import { addRasterOptions } from './input/raster-options.ts';
import { writeJson } from './run-command.ts';
import { addTabularOptions } from './input/tabular-options.ts';
import type { Terminal } from './output/terminal.ts';

/** What a command works with: whom it asks, and where it writes. */
interface Parts {
  env: Env;
  client: GatewayClient;
  terminal: (flags: { json?: boolean }) => Terminal;
  /** Sets the exit code. */
  end: (code: number) => void;
}

/** Parses the arguments, runs one command, returns the exit code. */
export async function runProgram(
  args: string[],
  screens: Pick<Terminal, 'stdout' | 'stderr'>,
  env: Env,
): Promise<number> {
  let exitCode: number = EXIT.success;
  const url = gatewayUrl(env);
  const program = makeProgram(screens, {
    env,
    client: new GatewayClient(url, () =>
      screens.stderr.write(`Sluice is starting at ${url}; waiting until it is ready …\n`),
    ),
    terminal: ({ json }) => ({ stdout: screens.stdout, stderr: screens.stderr, json: json === true }),
    end: (code) => {
      exitCode = code;
    },
  });
  try {
    await program.parseAsync(args, { from: 'user' });
    return exitCode;
  } catch (thrown) {
    // Commander has told a person what was wrong; asking for help is no error.
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return EXIT.success;
    const error = new SluiceError('REQUEST_INVALID', thrown.message.replace(/^error: /, ''), {
      details: { arguments: args },
    });
    if (args.includes('--json')) writeJson(screens, usageJson(args, error.toDocument()));
    return EXIT.usage;
  }
}

function makeProgram(screens: Pick<Terminal, 'stdout' | 'stderr'>, parts: Parts): Command {
  const program = new Command('sluice')
    .description('Brings spatial files into the data lake and shows what is there.')
    .version(SLUICE_VERSION, '--version', 'print the version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void screens.stdout.write(text),
      writeErr: (text) => void screens.stderr.write(text),
    })
    .showHelpAfterError('(see sluice --help, or sluice COMMAND --help)')
    .addHelpText('after', HELP);
  addIngest(program.commandsGroup('Bring data in:'), parts);
  addJoin(program, parts);
  addViews(program.commandsGroup('See what is there:'), parts);
  addActs(program.commandsGroup('Operate:'), parts);
  addDeadLetters(program, parts);
  return program;
}

function addIngest(program: Command, { env, client, terminal, end }: Parts): void {
  const command = program
    .command('ingest')
    .description('Upload files, wait for the run, show the asset.')
    .argument('<file...>', 'files of one dataset; what belongs to a file (.dbf, .prj, …) is found by itself')
    .requiredOption('--dataset <name>', 'dataset of which the asset becomes a version; a new name makes a new one')
    .option('--crs <crs>', 'coordinate reference system, instead of what the file says (EPSG:27700)')
    .option('--layer <name>', 'layer to read, when the file has several')
    .option(
      '--intent <intent>',
      'ingest_vector, ingest_raster, ingest_tabular (for a CSV without coordinates), or the name of a recipe; found by the files by default',
    )
    .option('--recipe <file>', 'JSON file with parameters and steps of the recipe; docs/recipes.md lists them')
    .option('--format <format>', 'format, when the name does not tell it; docs/formats.md lists them')
    .option('--encoding <encoding>', 'encoding of its text, when the file does not say (ISO-8859-1)')
    .addOption(jsonOption())
    .optionsGroup('Points in a CSV:')
    .option('--x-column <name>', 'column of the x coordinate (longitude, easting)')
    .option('--y-column <name>', 'column of the y coordinate (latitude, northing)')
    .option('--wkt-column <name>', 'column of the geometry as WKT')
    .action(async (files: string[], flags: IngestFlags & { json?: boolean }) =>
      end(await ingest(files, flags, env, client, terminal(flags))),
    );
  addTabularOptions(command);
  addRasterOptions(command);
  addBatchOptions(command);
}

function addJoin(program: Command, { client, terminal, end }: Parts): void {
  const command = program
    .command('join')
    .description('Join a spatial asset with a table by key, wait for the run, show the asset.')
    .argument('<spatial>', 'an asset id (sluice assets), or a dataset, of which the newest version is taken')
    .argument('<table>', 'likewise, of a tabular asset')
    .requiredOption('--on <left=right>', 'key columns of the two; one name when both are called so')
    .requiredOption('--dataset <name>', 'dataset of which the asset becomes a version; a new name makes a new one')
    .addOption(
      new Option('--how <how>', 'left keeps features without a row, inner drops them (default: left)').choices([
        'left',
        'inner',
      ]),
    )
    .option('--columns <names>', 'columns of the table to keep, comma-separated; all by default')
    .option('--prefix <text>', 'put before a column of the table whose name is taken (default: t_)')
    .option('--allow-duplicates', 'several rows with one key give several features; else they are an error')
    .addOption(jsonOption())
    .action(async (spatial: string, table: string, flags: JoinFlags & { json?: boolean }) =>
      end(await join(spatial, table, flags, client, terminal(flags))),
    );
  addBatchOptions(command);
}

function addViews(program: Command, { client, terminal, end }: Parts): void {
  addListOptions(
    program
      .command('assets')
      .description('List assets, the newest first.')
      .option('--dataset <name>', 'only of this dataset'),
  ).action(async (flags: { dataset?: string; limit: number; json?: boolean }) =>
    end(await assets(flags, client, terminal(flags))),
  );
  const runList = program
    .command('runs')
    .description('List runs, the newest first.')
    .addOption(new Option('--status <status>', 'only of this status').choices(STATUSES));
  addListOptions(runList.option('--dataset <name>', 'only of this dataset')).action(
    async (flags: { limit: number; json?: boolean }) => end(await runs(flags, client, terminal(flags))),
  );
  program
    .command('run')
    .description('Show one run: its steps, its asset or its error. Exits 1 when it failed.')
    .argument('<run>', 'id of the run')
    .option('--follow', 'wait until it has ended')
    .addOption(jsonOption())
    .action(async (id: string, flags: { follow?: boolean; json?: boolean }) =>
      end(await run(id, flags, client, terminal(flags))),
    );
  program
    .command('lineage')
    .description('Show what an asset was made from, and what was made from it.')
    .argument('<asset>', 'id of the asset, as sluice assets shows it')
    .addOption(jsonOption('the graph as one JSON document on standard output'))
    .action(async (id: string, flags: { json?: boolean }) => end(await lineage(id, client, terminal(flags))));
  addListOptions(
    program
      .command('activity')
      .description('Show who did what, the newest first.')
      .option('--run <run>', 'only of this run'),
  ).action(async (flags: { run?: string; limit: number; json?: boolean }) =>
    end(await activity(flags, client, terminal(flags))),
  );
}

function addActs(program: Command, { env, client, terminal, end }: Parts): void {
  program
    .command('rerun')
    .description('Run the manifest of a run that has ended once more, as a new run.')
    .argument('<run>', 'id of the run to repeat')
    .option('--force', 'make a new version, although one of the same input exists')
    .option('--follow', 'wait until the new run has ended; exits 1 when it failed')
    .option('--request-id <id>', 'names this request: the same one again gives the same run; made up by default')
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(async (id: string, flags: RerunFlags & { json?: boolean }) =>
      end(await rerun(id, flags, client, terminal(flags))),
    );
  program
    .command('cancel')
    .description('Stop a run that is under way. Nothing of it reaches the lake.')
    .argument('<run>', 'id of the run')
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(async (id: string, flags: ActFlags & { json?: boolean }) =>
      end(await cancel(id, flags, client, terminal(flags))),
    );
  program
    .command('retention')
    .description(
      'Show how many versions of a dataset are kept, or set it. Older ones are removed from catalog and lake, for good.',
    )
    .argument('<dataset>', 'its name')
    .addOption(
      new Option('--keep <count>', 'keep this many of the newest versions').argParser(parseCount).conflicts('off'),
    )
    .option('--off', 'keep all versions from now on')
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(async (dataset: string, flags: RetentionFlags & { json?: boolean }) =>
      end(await retention(dataset, flags, client, terminal(flags))),
    );
  program
    .command('reconcile')
    .description('Compare the ledger with what stands in the lake. Exits 1 when they disagree.')
    .option('--deep', 'read every object, and compare hash and metadata')
    .addOption(jsonOption())
    .action(async (flags: { deep?: boolean; json?: boolean }) => end(await reconcile(flags, client, terminal(flags))));
  program
    .command('setup-storage')
    .description('Make the buckets and the notification rule of the object store at S3_ENDPOINT.')
    .action(async () => end(await setupStorageCommand(env, terminal({}))));
}

function addDeadLetters(program: Command, { client, terminal, end }: Parts): void {
  const command = program
    .command('dead-letters')
    .description('Events that no try could deliver: list them, deliver one again, or take it off the list.');
  addListOptions(
    command
      .command('list', { isDefault: true })
      .description('List them, the newest first, with what to do about each.'),
  ).action(async (flags: { limit: number; json?: boolean }) => end(await deadLetters(flags, client, terminal(flags))));
  for (const [name, act, description] of [
    ['redrive', redrive, 'Deliver one again, after what stood in its way was mended.'],
    ['discard', discard, 'Take one off the list.'],
  ] as const) {
    command
      .command(name)
      .description(description)
      .argument('<id>', 'its id, as the list shows it')
      .addOption(operatorOption())
      .addOption(jsonOption())
      .action(async (id: string, flags: ActFlags & { json?: boolean }) =>
        end(await act(id, flags, client, terminal(flags))),
      );
  }
}

const HELP = `
Sluice is looked for at SLUICE_URL, else where npm start puts it; while it is starting, commands wait for it.
Exit codes: 0 success, 1 the run failed or the manifest was rejected, 2 wrong usage, 3 Sluice does not answer.

  npx sluice ingest roads.zip --dataset roads
  npx sluice ingest points.csv --dataset trees --crs EPSG:4326 --x-column lon --y-column lat
  npx sluice ingest prices.csv --dataset prices --intent ingest_tabular
  npx sluice ingest west.tif east.tif --dataset elevation --mosaic
  npx sluice join roads traffic --on road_id=id --dataset roads_traffic`;

/** The gateway as this machine reaches it: an address that means "all" is no address to connect to. */
function gatewayUrl(env: Env): string {
  const everywhere = env.HOST === '0.0.0.0' || env.HOST === '::';
  return env.SLUICE_URL ?? publicUrl({ ...env, PUBLIC_URL: undefined, HOST: everywhere ? '127.0.0.1' : env.HOST });
}
