import { type Command, Option } from 'commander';
import { STATUSES } from '#shared/contracts/statuses.ts';
import { assets, lineage } from './commands/assets.ts';
import { deadLetters, discard, redrive } from './commands/dead-letters.ts';
import { health } from './commands/health.ts';
import { ingest, type IngestFlags, join, type JoinFlags } from './commands/ingest.ts';
import { exportCommand, importCommand, type TransferFlags } from './commands/ledger.ts';
import { open } from './commands/open.ts';
import { reconcile } from './commands/reconcile.ts';
import { retention, type RetentionFlags } from './commands/retention.ts';
import { activity, cancel, event, type OperatorFlags, rerun, type RerunFlags, run, runs } from './commands/runs.ts';
import {
  addBatchOptions,
  addListOptions,
  jsonOption,
  operatorOption,
  parseCount,
  addRasterOptions,
  addTabularOptions,
} from './input/options.ts';
import type { CommandParts, JsonFlag } from './command-parts.ts';
import { defineUsers } from './define-users.ts';
import { setupStorageCommand } from './commands/setup-storage.ts';

/** Adds every command of `sluice` with its arguments and options. */
export function defineCommands(program: Command, parts: CommandParts): void {
  defineIngest(program.commandsGroup('Ingest data:'), parts);
  defineJoin(program, parts);
  defineLists(program.commandsGroup('Show data and runs:'), parts);
  defineRun(program, parts);
  defineRunControl(program.commandsGroup('Operate:'), parts);
  defineLakeControl(program, parts);
  defineLedger(program, parts);
  defineDeadLetters(program, parts);
  defineUsers(program, parts);
}

function defineIngest(program: Command, { env, client, terminal, setExitCode }: CommandParts): void {
  const command = program
    .command('ingest')
    .description('Upload files, wait for the run, and show the asset.')
    .argument('<file...>', 'files of one dataset; parts of a file (.dbf, .prj, …) are found automatically')
    .requiredOption('--dataset <name>', 'dataset that the asset belongs to; created if it does not exist')
    .option('--crs <crs>', 'coordinate reference system, such as EPSG:27700; overrides the CRS of the file')
    .option('--layer <name>', 'layer to read, if the file has several')
    .option(
      '--intent <intent>',
      'ingest_vector, ingest_raster, ingest_tabular (for a CSV without coordinates), or the name of a recipe; ' +
        'derived from the files by default',
    )
    .option('--recipe <file>', 'JSON file with parameters and steps of the recipe (docs/recipes.md)')
    .option('--format <format>', 'format, if the file name does not identify it (docs/formats.md)')
    .option('--encoding <encoding>', 'text encoding, such as ISO-8859-1, if the file does not declare it')
    .addOption(jsonOption())
    .optionsGroup('Points in a CSV:')
    .option('--x-column <name>', 'column of the x coordinate (longitude, easting)')
    .option('--y-column <name>', 'column of the y coordinate (latitude, northing)')
    .option('--wkt-column <name>', 'column of the geometry as WKT')
    .action(async (files: string[], flags: IngestFlags & JsonFlag) =>
      setExitCode(await ingest(files, flags, env, client, terminal(flags))),
    );
  addTabularOptions(command);
  addRasterOptions(command);
  addBatchOptions(command);
}

function defineJoin(program: Command, { client, terminal, setExitCode }: CommandParts): void {
  const command = program
    .command('join')
    .description('Join a spatial asset with a table by key, wait for the run, and show the asset.')
    .argument(
      '<spatial>',
      'id of a spatial asset (see sluice assets), or the name of a dataset, for its newest version',
    )
    .argument('<table>', 'id of a tabular asset, or the name of a dataset, for its newest version')
    .requiredOption('--on <left=right>', 'key columns of the features and the table; one name if they are equal')
    .requiredOption('--dataset <name>', 'dataset that the asset belongs to; created if it does not exist')
    .addOption(
      new Option('--how <how>', 'left keeps features without a row, inner omits them (default: left)').choices([
        'left',
        'inner',
      ]),
    )
    .option('--columns <names>', 'columns of the table to keep, comma-separated; all by default')
    .option('--prefix <text>', 'prefix for table columns whose name also exists on the features (default: t_)')
    .option('--allow-duplicates', 'return one feature for each row with the same key, instead of an error')
    .addOption(jsonOption())
    .action(async (spatial: string, table: string, flags: JoinFlags & JsonFlag) =>
      setExitCode(await join(spatial, table, flags, client, terminal(flags))),
    );
  addBatchOptions(command);
}

function defineLists(program: Command, { client, terminal, setExitCode }: CommandParts): void {
  const list = (name: string, description: string) => addListOptions(program.command(name).description(description));
  list('assets', 'List assets, newest first.')
    .option('--dataset <name>', 'only assets of this dataset')
    .action(async (flags: { dataset?: string; limit: number } & JsonFlag) =>
      setExitCode(await assets(flags, client, terminal(flags))),
    );
  list('runs', 'List runs, newest first.')
    .addOption(new Option('--status <status>', 'only runs with this status').choices(STATUSES))
    .option('--dataset <name>', 'only runs of this dataset')
    .action(async (flags: { limit: number } & JsonFlag) => setExitCode(await runs(flags, client, terminal(flags))));
  list('activity', 'List the activity log, newest first: who did what.')
    .option('--run <run>', 'only activities of this run')
    .action(async (flags: { run?: string; limit: number } & JsonFlag) =>
      setExitCode(await activity(flags, client, terminal(flags))),
    );
}

function defineRun(program: Command, { client, terminal, setExitCode }: CommandParts): void {
  program
    .command('run')
    .description('Show one run: its steps, and its asset or its error. Exits with 1 if the run failed.')
    .argument('<run>', 'id of the run')
    .option('--follow', 'wait until the run has ended')
    .addOption(jsonOption())
    .action(async (id: string, flags: { follow?: boolean } & JsonFlag) =>
      setExitCode(await run(id, flags, client, terminal(flags))),
    );
  program
    .command('open')
    .description('Open the page of a run, dataset or asset in the browser, and print its address.')
    .argument('<name>', 'id of the run or asset, or name of the dataset')
    .addOption(jsonOption())
    .action(async (name: string, flags: JsonFlag) => setExitCode(await open(name, client, terminal(flags))));
  program
    .command('lineage')
    .description('Show the sources of an asset, and the assets made from it.')
    .argument('<asset>', 'id of the asset (see sluice assets)')
    .addOption(jsonOption('print the graph as one JSON document'))
    .action(async (id: string, flags: JsonFlag) => setExitCode(await lineage(id, client, terminal(flags))));
}

function defineRunControl(program: Command, { client, terminal, setExitCode }: CommandParts): void {
  program
    .command('rerun')
    .description('Start a new run of the manifest of an ended run.')
    .argument('<run>', 'id of the run to repeat')
    .option('--force', 'create a new version even if one of the same input exists')
    .option('--follow', 'wait until the new run has ended; exits with 1 if it failed')
    .option('--request-id <id>', 'requests with the same id return the same run; generated by default')
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(async (id: string, flags: RerunFlags & JsonFlag) =>
      setExitCode(await rerun(id, flags, client, terminal(flags))),
    );
  program
    .command('event')
    .description('Print the CloudEvent that a function receives for a run, as input of `faas-cli invoke FUNCTION`.')
    .argument(
      '<function>',
      'name of the function: validate-manifest, fail-run, monitor-runs, or a step (see sluice run)',
    )
    .argument('<run>', 'id of the run')
    .action(async (name: string, id: string) => setExitCode(await event(name, id, client, terminal({}))));
  program
    .command('cancel')
    .description('Stop a run. A canceled run adds nothing to the lake.')
    .argument('<run>', 'id of the run')
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(async (id: string, flags: OperatorFlags & JsonFlag) =>
      setExitCode(await cancel(id, flags, client, terminal(flags))),
    );
}

function defineLakeControl(program: Command, { env, client, terminal, setExitCode }: CommandParts): void {
  program
    .command('retention')
    .description(
      'Show or set how many versions of a dataset are kept. ' +
        'Setting a number permanently deletes older versions from catalog and lake.',
    )
    .argument('<dataset>', 'name of the dataset')
    .addOption(
      new Option('--keep <count>', 'keep this many of the newest versions').argParser(parseCount).conflicts('off'),
    )
    .option('--off', 'keep all versions')
    .addOption(operatorOption())
    .addOption(jsonOption())
    .action(async (dataset: string, flags: RetentionFlags & JsonFlag) =>
      setExitCode(await retention(dataset, flags, client, terminal(flags))),
    );
  program
    .command('reconcile')
    .description('Compare the ledger with the objects in the lake. Exits with 1 if there are discrepancies.')
    .option('--deep', 'read every object, and compare hashes and metadata')
    .addOption(jsonOption())
    .action(async (flags: { deep?: boolean } & JsonFlag) =>
      setExitCode(await reconcile(flags, client, terminal(flags))),
    );
  program
    .command('health')
    .description('Show the state of the servers and of GDAL. Exits with 1 if Sluice cannot process runs.')
    .addOption(jsonOption())
    .action(async (flags: JsonFlag) => setExitCode(await health(client, terminal(flags))));
  program
    .command('setup-storage')
    .description('Create buckets, users and notifications in the object store at S3_ENDPOINT (docs/operations.md).')
    .action(async () => setExitCode(await setupStorageCommand(env, terminal({}))));
}

function defineLedger(program: Command, { env, terminal, setExitCode }: CommandParts): void {
  const command = program
    .command('ledger')
    .description('Export or import the ledger, for a backup or a move to another database.');
  for (const [name, execute, description, argument] of [
    ['export', exportCommand, 'Write all documents of the ledger to a new file.', 'file to create (JSON lines)'],
    ['import', importCommand, 'Insert the documents of an export that the ledger does not contain.', 'file to read'],
  ] as const) {
    command
      .command(name)
      .description(`${description} The ledger is the one that Sluice uses.`)
      .argument('<file>', argument)
      .option(
        '--active',
        'continue although runs are active; the file contains neither their queued events nor their working tables',
      )
      .addOption(jsonOption())
      .action(async (file: string, flags: TransferFlags & JsonFlag) =>
        setExitCode(await execute(file, flags, env, terminal(flags))),
      );
  }
}

function defineDeadLetters(program: Command, { client, terminal, setExitCode }: CommandParts): void {
  const command = program
    .command('dead-letters')
    .description('List, re-drive or discard events that the router no longer retries.');
  addListOptions(
    command
      .command('list', { isDefault: true })
      .description('List the dead letters that can be re-driven, newest first.'),
  )
    .option('--all', 'also those that cannot be re-driven, with the recommended action for each')
    .action(async (flags: { limit: number; all?: boolean } & JsonFlag) =>
      setExitCode(await deadLetters(flags, client, terminal(flags))),
    );
  for (const [name, execute, description] of [
    ['redrive', redrive, 'Deliver a dead letter again, after its cause was corrected.'],
    ['discard', discard, 'Delete a dead letter.'],
  ] as const) {
    command
      .command(name)
      .description(description)
      .argument('<id>', 'id of the dead letter (see sluice dead-letters)')
      .addOption(operatorOption())
      .addOption(jsonOption())
      .action(async (id: string, flags: OperatorFlags & JsonFlag) =>
        setExitCode(await execute(id, flags, client, terminal(flags))),
      );
  }
}
