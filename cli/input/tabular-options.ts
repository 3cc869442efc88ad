import { type Command, InvalidArgumentError } from 'commander';
import { DECLARABLE_TYPES } from '#shared/contracts/value-types.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';

type TabularParameters = NonNullable<Manifest['metadata']['tabular']>;
type DeclarableType = (typeof DECLARABLE_TYPES)[number];

/** What a person says of a table, as commander gives it. */
export interface TabularFlags {
  delimiter?: string;
  decimal?: '.' | ',';
  sheet?: string;
  /** False with --no-header; true is commander's default and says nothing. */
  header?: boolean;
  null?: string[];
  columnType?: Record<string, DeclarableType>;
  maxRejected?: number;
}

/** Adds the options of metadata.tabular to a command. */
export function addTabularOptions(command: Command): Command {
  return command
    .optionsGroup('Tables:')
    .option(
      '--delimiter <character>',
      'character between two values, \\t for a tab; found by itself by default',
      (text) => (text === '\\t' ? '\t' : text),
    )
    .option('--decimal <character>', '"," when numbers have decimal commas', parseDecimal)
    .option('--sheet <name>', 'sheet of a workbook; the first by default')
    .option('--no-header', 'the first line is data')
    .option('--null <text>', 'text that means "no value" (NA); may be repeated', (text, before: string[] = []) => [
      ...before,
      text,
    ])
    .option(
      '--column-type <name=type>',
      `type of a column, one of ${DECLARABLE_TYPES.join(', ')}; may be repeated`,
      parseColumnType,
    )
    .option('--max-rejected <count>', 'more rows that cannot be read than this fail the run', parseCount);
}

/** The part of a manifest that the options stand for; undefined when none is given. */
export function tabularParameters({
  delimiter,
  decimal,
  sheet,
  header,
  null: nullValues,
  columnType,
  maxRejected,
}: TabularFlags): TabularParameters | undefined {
  const fields = {
    delimiter,
    decimal_separator: decimal,
    sheet,
    header: header === false ? false : undefined,
    null_values: nullValues,
    columns: columnType,
    max_rejected_rows: maxRejected,
  };
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.length === 0 ? undefined : Object.fromEntries(given);
}

function parseDecimal(text: string): '.' | ',' {
  if (text === '.' || text === ',') return text;
  throw new InvalidArgumentError('It must be "." or ",".');
}

/** The name may hold "="; the type follows the last one. */
function parseColumnType(text: string, before: Record<string, DeclarableType> = {}): Record<string, DeclarableType> {
  const [, name, type] = /^(.+)=([^=]+)$/s.exec(text) ?? [];
  const known = DECLARABLE_TYPES.find((candidate) => candidate === type);
  if (name === undefined || known === undefined)
    throw new InvalidArgumentError(`It must be NAME=TYPE, with one of ${DECLARABLE_TYPES.join(', ')}.`);
  return { ...before, [name]: known };
}

function parseCount(text: string): number {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('It must be a whole number, 0 or more.');
}
