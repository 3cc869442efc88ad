import format from 'pg-format';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Column, Note } from '#shared/contracts/shared-schemas.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN } from '#shared/postgis/run-schema.ts';
import type { LoadedFile } from './load-file.ts';

/**
 * Appends the rows of `next` to the table of the first file, in the CRS of the first file. `offset` is the number of
 * rows that the table has. A key column may be in one of the files only. Throws COLUMNS_DIFFER.
 */
export async function appendFile(
  session: PostgisSession,
  first: LoadedFile,
  next: LoadedFile,
  offset: number,
  geometryColumn: string,
): Promise<Note[]> {
  const hasKeyOf = (file: LoadedFile, other: LoadedFile) =>
    other.columns.some(({ name, type }) => name === file.keyColumn?.name && type === file.keyColumn.type);
  const lost = next.keyColumn !== undefined && !hasKeyOf(next, first) ? next.keyColumn.name : undefined;
  const added = first.keyColumn !== undefined && !hasKeyOf(first, next) ? first.keyColumn.name : undefined;
  const columns = first.columns.filter(({ name }) => name !== added);
  const differences = describeDifferences(
    columns,
    next.columns.filter(({ name }) => name !== lost),
  );
  if (differences !== undefined) {
    throw new SluiceError(
      'COLUMNS_DIFFER',
      `The columns of ${next.source.path} differ from those of ${first.source.path}: ${differences}. ` +
        adviceFor(next.source.format),
      { details: { files: [first.source.path, next.source.path], columns: [first.columns, next.columns] } },
    );
  }
  await dropUniqueConstraints(session, first.table);
  await session.query(appendSql({ ...first, columns }, next, offset, geometryColumn).join(';\n'));
  return lost === undefined ? [] : [lostKeyNote(lost, first.source.path, next.source.path)];
}

/** What to do about different columns. */
function adviceFor(format: string): string {
  const schema =
    'Without a schema, GML has a column for each element and attribute that the file contains. ' +
    'Upload the schema (.xsd) with each file. Or write';
  return `${format === 'GML' ? schema : 'Write'} one manifest for each set of files with the same columns.`;
}

function lostKeyNote(column: string, first: string, file: string): Note {
  const message = `Column ${JSON.stringify(column)}, the key of the features, was dropped, because ${first} has none.`;
  return { code: 'KEY_COLUMN_DROPPED', column, file, message };
}

/** A GeoPackage can declare a column as unique. Its values need not be unique across several files. */
async function dropUniqueConstraints(session: PostgisSession, table: string): Promise<void> {
  const constraints = await session.query<{ name: string }>(
    `select conname as name from pg_constraint where conrelid = to_regclass($1) and contype = 'u'`,
    [format('%I.%I', session.schema, table)],
  );
  for (const { name } of constraints) await session.query(format('alter table %I drop constraint %I', table, name));
}

/**
 * Describes how the columns `next` differ from the columns `first` in names and types; undefined when they are equal.
 * The order of columns does not matter.
 */
export function describeDifferences(first: readonly Column[], next: readonly Column[]): string | undefined {
  const nextTypes = new Map(next.map((column) => [column.name, column.type]));
  const firstNames = new Set(first.map((column) => column.name));
  const missing = first
    .filter(({ name }) => !nextTypes.has(name))
    .map(({ name }) => `${JSON.stringify(name)} is missing`);
  const additional = next
    .filter(({ name }) => !firstNames.has(name))
    .map(({ name }) => `${JSON.stringify(name)} is additional`);
  const changed = first
    .filter(({ name, type }) => nextTypes.has(name) && nextTypes.get(name) !== type)
    .map(({ name, type }) => `${JSON.stringify(name)} has type ${nextTypes.get(name)} instead of ${type}`);
  const all = [...missing, ...additional, ...changed];
  return all.length === 0 ? undefined : all.join('; ');
}

/** The SQL statements of appendFile. Keys continue after those of the earlier files. */
export function appendSql(
  first: Pick<LoadedFile, 'table' | 'columns' | 'srid'>,
  next: Pick<LoadedFile, 'table' | 'srid'>,
  offset: number,
  geometryColumn: string,
): string[] {
  const attributes = first.columns.map((column) => format('%I', column.name));
  const geometry = format('%I', geometryColumn);
  const key = format('%I', KEY_COLUMN);
  const targets = [...attributes, geometry, key];
  const values = [
    ...attributes,
    next.srid === first.srid ? geometry : `st_transform(${geometry}, ${first.srid})`,
    `${key} + ${offset}`,
  ];
  return [
    format(
      'insert into %I (%s) select %s from %I order by %s',
      first.table,
      targets.join(', '),
      values.join(', '),
      next.table,
      key,
    ),
    format('drop table %I', next.table),
  ];
}
