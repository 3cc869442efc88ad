import type { ValueType } from '#shared/contracts/facts.ts';
import type { TextColumn } from '#shared/delimited/infer/text-table.ts';
import type { SourceTable } from '#shared/delimited/source-table.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Differences in a message. The details list all columns. */
const MAX_DIFFERENCES_IN_MESSAGE = 10;

/**
 * Prepares the files for one common table: the columns of each are in the order of the first file, and have the
 * candidate types that all files allow. Throws COLUMNS_DIFFER.
 */
export function alignTables(tables: readonly SourceTable[]): SourceTable[] {
  const [first] = tables;
  if (first === undefined) return [];
  const ordered = tables.map((table) => ({ ...table, columns: orderColumns(first, table) }));
  const common = first.columns.map((_, index) => commonTypes(ordered.flatMap(({ columns }) => columns[index] ?? [])));
  return ordered.map((table) => ({
    ...table,
    columns: table.columns.map((column, index) => ({ ...column, ...common[index] })),
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
  return new SluiceError(
    'COLUMNS_DIFFER',
    `${files.join(' and ')} have different columns: ` +
      `${differences.slice(0, MAX_DIFFERENCES_IN_MESSAGE).join(', ')}. Use one manifest for each kind of file.`,
    { details: { files, columns: [first, table].map(({ columns }) => columns.map(({ name }) => name)) } },
  );
}

function commonTypes(columns: readonly TextColumn[]): Pick<TextColumn, 'declared' | 'candidates'> {
  const declared = new Set(columns.flatMap(({ declared: type }) => type ?? []));
  const candidates = (columns[0]?.candidates ?? []).filter((type) =>
    columns.every((column) => column.candidates.includes(type)),
  );
  return { declared: widestType([...declared]), candidates };
}

/**
 * The type for columns with different fixed types: a column of a sheet may be of whole numbers in one file and of
 * decimals in another.
 */
function widestType(types: readonly ValueType[]): ValueType | undefined {
  if (types.length <= 1) return types[0];
  return types.every((type) => type === 'bigint' || type === 'double') ? 'double' : 'text';
}
