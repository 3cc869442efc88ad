import pg from 'pg';
import format from 'pg-format';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { counted } from '#shared/text/amounts.ts';
import type { PostgisSession } from './postgis.ts';
import { PROCESSED_TABLE, runOfSchema } from './run-schema.ts';

/** PostGIS types of spatial columns. */
const SPATIAL_TYPES = new Set(['geometry', 'geography']);
/** SQLSTATE of a statement that names a table that does not exist. */
const UNDEFINED_TABLE = '42P01';

/** Throws GEOMETRY_CONTRACT unless the table has exactly one spatial column: a geometry with the given name. */
export function checkGeometryContract(table: string, columns: TableColumn[], geometryColumn: string): void {
  const spatial = columns.filter((column) => SPATIAL_TYPES.has(column.base));
  const [only] = spatial;
  if (spatial.length === 1 && only?.name === geometryColumn && only.base === 'geometry' && !only.array) return;
  const found = spatial.map((column) => `${column.name} (${column.type})`);
  throw new SluiceError(
    'GEOMETRY_CONTRACT',
    `Table ${table} ${columns.length === 0 ? 'does not exist' : `has ${found.join(', ') || 'no geometry column'}`}. ` +
      `It must have one geometry column, named ${geometryColumn}.`,
    { details: { table, found } },
  );
}

/**
 * Throws TABLES_LOST when a working table no longer holds the rows that an earlier step counted (`rows`). Working
 * tables are unlogged, and PostgreSQL empties unlogged tables during crash recovery
 * (https://www.postgresql.org/docs/current/sql-createtable.html, UNLOGGED). Without this check the run would continue
 * with no rows and end with success. The table can also be missing, because run sessions use synchronous_commit = off.
 */
export async function checkTableKept(session: PostgisSession, table: string, rows: number): Promise<void> {
  try {
    const [found] = await session.query<{ kept: boolean }>(format('select exists (select from %I) as kept', table));
    if (found?.kept || rows === 0) return;
  } catch (thrown) {
    if ((thrown as { code?: string }).code !== UNDEFINED_TABLE) throw thrown;
  }
  throw new SluiceError(
    'TABLES_LOST',
    `The working tables of run ${runOfSchema(session.schema)} were lost in a crash of PostgreSQL; ` +
      `${table} had ${counted(rows, 'row')}.`,
    { details: { table, rows } },
  );
}

/** Counts all rows, null geometries and empty geometries of `processed`. */
export async function countGeometries(
  session: PostgisSession,
  geometryColumn: string,
): Promise<{ rows: number; nulls: number; empties: number }> {
  const sql = format(
    `select count(*)::float8 as rows, (count(*) - count(%1$I))::float8 as nulls,
       (count(*) filter (where ST_IsEmpty(%1$I)))::float8 as empties
     from %2$I`,
    geometryColumn,
    PROCESSED_TABLE,
  );
  const [counts] = await session.query<{ rows: number; nulls: number; empties: number }>(sql);
  return counts ?? { rows: 0, nulls: 0, empties: 0 };
}

/** A column of a table, from PostgreSQL's catalog. */
export interface TableColumn {
  name: string;
  /** The result of format_type(): `numeric(10,2)`, `timestamp with time zone`, `integer[]`. */
  type: string;
  /** pg_type.typname; for an array, the one of its elements. */
  base: string;
  array: boolean;
}

const COLUMNS_SQL = `
  select a.attname as name, format_type(a.atttypid, a.atttypmod) as type, coalesce(element.typname, t.typname) as base,
    element.oid is not null as array
  from pg_attribute a join pg_type t on t.oid = a.atttypid
    left join pg_type element on t.typcategory = 'A' and element.oid = t.typelem
  where a.attrelid = to_regclass($1) and a.attnum > 0 and not a.attisdropped order by a.attnum`;

/** The columns of a table in the session's schema, in order. Empty when the table does not exist. */
export function readColumns(session: PostgisSession, table: string): Promise<TableColumn[]> {
  return session.query<TableColumn & pg.QueryResultRow>(COLUMNS_SQL, [
    `${pg.escapeIdentifier(session.schema)}.${pg.escapeIdentifier(table)}`,
  ]);
}
