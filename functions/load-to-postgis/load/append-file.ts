import format from 'pg-format';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Column } from '#shared/contracts/facts.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN } from '#shared/postgis/run-schema.ts';
import type { LoadedFile } from './load-file.ts';

/** Adds the rows of a further file to those of the first ones, in the CRS of the first. Throws COLUMNS_DIFFER. */
export async function appendFile(
  session: PostgisSession,
  all: LoadedFile,
  next: LoadedFile,
  offset: number,
  geometryColumn: string,
): Promise<void> {
  const difference = columnsDifference(all.columns, next.columns);
  if (difference !== undefined) {
    throw new SluiceError(
      'COLUMNS_DIFFER',
      `${next.source.path} and ${all.source.path} have different columns: ${difference}. Use one manifest for each kind of file.`,
      {
        details: { files: [all.source.path, next.source.path], columns: [all.columns, next.columns] },
      },
    );
  }
  await dropUniqueConstraints(session, all.table);
  await session.query(appendSql(all, next, offset, geometryColumn).join(';\n'));
}

/** A GeoPackage may declare that a column is unique; over several files it need not be. */
async function dropUniqueConstraints(session: PostgisSession, table: string): Promise<void> {
  const unique = await session.query<{ name: string }>(
    `select conname as name from pg_constraint where conrelid = to_regclass($1) and contype = 'u'`,
    [format('%I.%I', session.schema, table)],
  );
  for (const { name } of unique) await session.query(format('alter table %I drop constraint %I', table, name));
}

/** Columns are the same when names and types are, whatever their order. Says in words what differs; undefined when nothing does. */
export function columnsDifference(first: readonly Column[], second: readonly Column[]): string | undefined {
  const types = new Map(second.map((column) => [column.name, column.type]));
  const missing = first
    .filter((column) => !types.has(column.name))
    .map((column) => `${JSON.stringify(column.name)} is missing in it`);
  const known = new Set(first.map((column) => column.name));
  const added = second
    .filter((column) => !known.has(column.name))
    .map((column) => `${JSON.stringify(column.name)} is in it only`);
  const changed = first
    .filter((column) => types.has(column.name) && types.get(column.name) !== column.type)
    .map(
      (column) => `${JSON.stringify(column.name)} is ${types.get(column.name)} in it, but ${column.type} in the other`,
    );
  const all = [...missing, ...added, ...changed];
  return all.length === 0 ? undefined : all.join('; ');
}

/** The statements. Keys go on counting in the order of the files. */
export function appendSql(
  all: Pick<LoadedFile, 'table' | 'columns' | 'srid'>,
  next: Pick<LoadedFile, 'table' | 'srid'>,
  offset: number,
  geometryColumn: string,
): string[] {
  const names = [
    ...all.columns.map((column) => format('%I', column.name)),
    format('%I', geometryColumn),
    format('%I', KEY_COLUMN),
  ].join(', ');
  const geometry =
    next.srid === all.srid ? format('%I', geometryColumn) : format(`st_transform(%I, ${all.srid})`, geometryColumn);
  const values = [
    ...all.columns.map((column) => format('%I', column.name)),
    geometry,
    format(`%I + ${offset}`, KEY_COLUMN),
  ].join(', ');
  return [
    format('insert into %I (%s) select %s from %I order by %I', all.table, names, values, next.table, KEY_COLUMN),
    format('drop table %I', next.table),
  ];
}
