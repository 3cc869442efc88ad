import type { ValueType } from '#shared/contracts/column-types.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { TextColumn } from './infer/text-table.ts';
import { TYPE_RULES } from './infer/value-types.ts';
import type { SourceTable } from './source-table.ts';

/** Differences in a message. The details list all columns. */
const MAX_DIFFERENCES_IN_MESSAGE = 10;
/** Columns with a note. A table can have thousands. */
const MAX_NOTES = 10;

/**
 * Prepares the files for one common table: the columns of each are in the order of the first file, and have the
 * candidate types that all files allow. A column whose types differ between files is text, with a note. Throws
 * COLUMNS_DIFFER.
 */
export function alignTables(tables: readonly SourceTable[]): SourceTable[] {
  const [first, ...others] = tables;
  if (first === undefined) return [];
  const ordered = tables.map((table) => ({ ...table, columns: orderColumns(first, table) }));
  const files = tables.map(({ source }) => source.path);
  const common = first.columns.map((_, index) => commonTypes(ordered.flatMap(({ columns }) => columns[index] ?? [])));
  const notes = others.length === 0 ? [] : first.columns.flatMap((_, index) => textNote(ordered, index, files));
  return ordered.map((table, position) => ({
    ...table,
    columns: table.columns.map((column, index) => ({ ...column, ...common[index] })),
    notes: position === 0 ? [...table.notes, ...notes.slice(0, MAX_NOTES)] : table.notes,
  }));
}

function orderColumns(first: SourceTable, table: SourceTable): TextColumn[] {
  const byName = new Map(table.columns.map((column) => [column.name, column]));
  const columns = first.columns.flatMap(({ name }) => byName.get(name) ?? []);
  const expected = new Set(first.columns.map(({ name }) => name));
  const missing = first.columns.filter(({ name }) => !byName.has(name)).map(({ name }) => name);
  const added = table.columns.filter(({ name }) => !expected.has(name)).map(({ name }) => name);
  if (missing.length + added.length > 0) throw columnsDiffer(first, table, missing, added);
  return columns;
}

function columnsDiffer(
  first: SourceTable,
  table: SourceTable,
  missing: readonly string[],
  added: readonly string[],
): SluiceError {
  const files = [first.source.path, table.source.path];
  const differences = [
    ...missing.map((name) => `${JSON.stringify(name)} is only in the first`),
    ...added.map((name) => `${JSON.stringify(name)} is only in the second`),
  ];
  const more = differences.length > MAX_DIFFERENCES_IN_MESSAGE ? ', …' : '';
  return new SluiceError(
    'COLUMNS_DIFFER',
    `${files.join(' and ')} have different columns: ` +
      `${differences.slice(0, MAX_DIFFERENCES_IN_MESSAGE).join(', ')}${more}. Use one manifest for each kind of file.`,
    { details: { files, columns: [first, table].map(({ columns }) => columns.map(({ name }) => name)) } },
  );
}

type CommonTypes = Pick<TextColumn, 'declared' | 'candidates'>;

/** The types that the columns of all files allow. Columns without values allow all. */
function commonTypes(columns: readonly TextColumn[]): CommonTypes {
  const declared = columns.find((column) => column.declared !== undefined)?.declared;
  const filled = columns.filter((column) => !isUnknown(column));
  const fixed = new Set(filled.map((column) => column.fixed));
  const candidates = (filled[0]?.candidates ?? columns[0]?.candidates ?? []).filter((type) =>
    filled.every((column) => column.candidates.includes(type)),
  );
  return { declared: declared ?? commonFixed([...fixed]), candidates };
}

/** Undefined when not all columns have a fixed type, or their types differ. A date can be a timestamp. */
function commonFixed(types: readonly (ValueType | undefined)[]): ValueType | undefined {
  if (types.length <= 1) return types[0];
  return types.every((type) => type === 'date' || type === 'timestamp') ? 'timestamp' : undefined;
}

/** Whether no value of the column is known. */
function isUnknown({ fixed, candidates }: TextColumn): boolean {
  return fixed === undefined && candidates.length === TYPE_RULES.length;
}

/** A note for a column that is text because its values differ between files. */
function textNote(tables: readonly SourceTable[], index: number, files: readonly string[]): Note[] {
  const columns = tables.flatMap((table) => table.columns[index] ?? []);
  const { declared, candidates } = commonTypes(columns);
  if (declared !== undefined || candidates.length > 0) return [];
  const kinds = columns.map((column) => (isUnknown(column) ? undefined : kindOf(column)));
  const first = kinds.findIndex((kind) => kind !== undefined);
  const other = kinds.findIndex((kind) => kind !== undefined && kind !== kinds[first]);
  const name = columns[0]?.name ?? '';
  if (other < 0) return [];
  return [
    {
      code: 'COLUMN_IS_TEXT',
      column: name,
      message:
        `Column ${JSON.stringify(name)} is text: it has ${kinds[first]} in ${files[first]}, ` +
        `and ${kinds[other]} in ${files[other]}. To read one type and reject rows with others, declare the type ` +
        'with metadata.tabular.columns.',
    },
  ];
}

/** The kinds of values, by the first type that they have. */
const KINDS: readonly [ValueType, string][] = [
  ['json', 'objects or lists'],
  ['boolean', 'booleans'],
  ['double', 'numbers'],
  ['decimal', 'numbers'],
  ['bigint', 'numbers'],
  ['date', 'dates'],
  ['timestamp', 'dates with a time'],
  ['timestamptz', 'times with a time zone'],
];

/** What the values of a column are, in words. A text of JSON can have several types of time. */
function kindOf({ fixed, candidates }: TextColumn): string {
  const types = fixed === undefined ? candidates : [fixed];
  const times = types.filter((type) => type === 'date' || type.startsWith('timestamp'));
  if (times.length > 1) return 'texts';
  return KINDS.find(([type]) => types.includes(type))?.[1] ?? 'texts';
}
