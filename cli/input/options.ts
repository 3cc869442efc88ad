import { type Command, InvalidArgumentError, Option } from 'commander';
import { KeepVersionsSchema } from '#shared/manifest/manifest.ts';
import { userInfo } from 'node:os';

/** Options that several commands have. */

/** Rows of a list, unless asked otherwise; the gateway gives 500 at most. */
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 500;

export function jsonOption(what = 'one JSON document on standard output, for programs'): Option {
  return new Option('--json', what);
}

/** Of a command that lists rows. */
export function addListOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--limit <count>', `how many rows, ${MAX_LIMIT} at most`).argParser(parseLimit).default(DEFAULT_LIMIT),
    )
    .addOption(jsonOption('a JSON array on standard output, for programs'));
}

/** Of an act that is kept in the log of acts. */
export function operatorOption(): Option {
  return new Option('--operator <name>', 'in whose name; kept in the log of acts').default(userName(), 'your account');
}

/** Of a command that makes a version of a dataset. */
export function addBatchOptions(command: Command): Command {
  return command
    .optionsGroup('Version and batch:')
    .option('--force', 'make a new version, although one of the same input exists')
    .option(
      '--keep-versions <count>',
      'keep this many versions of the dataset from now on, and remove older ones for good',
      parseCount,
    )
    .option('--project <name>', 'project, kept with the asset')
    .option('--description <text>', 'description, kept with the asset')
    .option('--uploader <name>', 'in whose name; your account by default')
    .option('--batch-id <id>', 'name of this batch, which no other may ever have; made up by default');
}

export function parseCount(text: string): number {
  const result = KeepVersionsSchema.safeParse(Number(text));
  if (!result.success) throw new InvalidArgumentError('It must be a whole number from 1.');
  return result.data;
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw new InvalidArgumentError(`It must be a whole number from 1 to ${MAX_LIMIT}.`);
  return limit;
}

/** The name of the account that runs the command; containers may run as a number without one. */
export function userName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? 'unknown');
  }
}
