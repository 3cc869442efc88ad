import pg from 'pg';
import type { PostgisSession } from './postgis.ts';

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
