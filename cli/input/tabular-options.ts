import { type Command, InvalidArgumentError } from 'commander';
import { DECLARABLE_TYPES } from '#shared/contracts/value-types.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';

type TabularParameters = NonNullable<Manifest['metadata']['tabular']>;
type DeclarableType = (typeof DECLARABLE_TYPES)[number];

/** The table options, as commander returns them. */
export interface TabularFlags {
  delimiter?: string;
  decimal?: '.' | ',';
  sheet?: string;
  /** False with --no-header; true by default, also without an option. */
  header?: boolean;
  null?: string[];
  columnType?: Record<string, DeclarableType>;
  maxRejected?: number;
}

/** Adds the options for `metadata.tabular`. */
export function addTabularOptions(command: Command): Command {
  return command
    .optionsGroup('Tables:')
    .option('--delimiter <character>', 'delimiter, \\t for a tab; detected by default', (text) =>
      text === '\\t' ? '\t' : text,
    )
    .option('--decimal <character>', 'decimal separator, "." or ","', parseDecimal)
    .option('--sheet <name>', 'sheet of a workbook; default: the first')
    .option('--no-header', 'the first row contains data, not column names')
    .option('--null <text>', 'text that represents a missing value (NA); repeatable', (text, before: string[] = []) => [
      ...before,
      text,
    ])
    .option(
      '--column-type <name=type>',
      `type of a column, one of ${DECLARABLE_TYPES.join(', ')}; repeatable`,
      parseColumnType,
    )
    .option('--max-rejected <count>', 'maximum number of unreadable rows; more fail the run', parseCount);
}

/** Converts the options to `metadata.tabular`; undefined when none is set. */
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
  const defined = Object.entries(fields).filter(([, value]) => value !== undefined);
  return defined.length === 0 ? undefined : Object.fromEntries(defined);
}

function parseDecimal(text: string): '.' | ',' {
  if (text === '.' || text === ',') return text;
  throw new InvalidArgumentError('It must be "." or ",".');
}

/** Column names may contain "=", so the type follows the last one. */
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
