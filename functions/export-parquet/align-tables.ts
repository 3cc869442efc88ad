import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SourceColumn, TableSource } from './table-source.ts';
import type { TabularType } from './value-types.ts';

/**
 * The files as parts of one table: each with the columns in the order of the first file, and with the types that all of them allow.
 * Throws COLUMNS_DIFFER when one has other columns.
 */
export function alignTables(tables: readonly TableSource[]): TableSource[] {
  const [first] = tables;
  if (first === undefined) return [];
  const ordered = tables.map((table) => ({ ...table, columns: inOrder(first, table) }));
  const common = first.columns.map((_, index) => commonTypes(ordered.flatMap(({ columns }) => columns[index] ?? [])));
  return ordered.map((table) => ({
    ...table,
    columns: table.columns.map((column, index) => ({ ...column, ...common[index] })),
  }));
}

function inOrder(first: TableSource, table: TableSource): SourceColumn[] {
  const byName = new Map(table.columns.map((column) => [column.name, column]));
  const columns = first.columns.flatMap(({ name }) => byName.get(name) ?? []);
  const missing = first.columns
    .filter(({ name }) => !byName.has(name))
    .map(({ name }) => `${JSON.stringify(name)} is missing in it`);
  const known = new Set(first.columns.map(({ name }) => name));
  const added = table.columns
    .filter(({ name }) => !known.has(name))
    .map(({ name }) => `${JSON.stringify(name)} is in it only`);
  if (missing.length + added.length === 0) return columns;
  const files = [first.source.path, table.source.path];
  throw new SluiceError(
    'COLUMNS_DIFFER',
    `${table.source.path} and ${first.source.path} have different columns: ${[...missing, ...added].slice(0, MAX_TOLD).join(', ')}. Use one manifest for each kind of file.`,
    {
      details: { files, columns: [first, table].map(({ columns: all }) => all.map(({ name }) => name)) },
    },
  );
}

/** Differences in a message; details name all columns. */
const MAX_TOLD = 10;

function commonTypes(columns: readonly SourceColumn[]): Pick<SourceColumn, 'declared' | 'candidates'> {
  const declared = new Set(columns.flatMap(({ declared: type }) => type ?? []));
  const candidates = (columns[0]?.candidates ?? []).filter((type) =>
    columns.every((column) => column.candidates.includes(type)),
  );
  return { declared: widest([...declared]), candidates };
}

/** Sheets of the same columns may hold whole numbers here and others there. */
function widest(types: readonly TabularType[]): TabularType | undefined {
  if (types.length <= 1) return types[0];
  return types.every((type) => type === 'bigint' || type === 'double') ? 'double' : 'text';
}
