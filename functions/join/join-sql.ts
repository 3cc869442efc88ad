import format from 'pg-format';
import { ROW_NUMBER } from './import/parquet-to-table.ts';
import type { TableSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN, PROCESSED_TABLE } from '#shared/postgis/run-schema.ts';

/** Tables of a join in the schema of the run. */
export const SPATIAL_TABLE = 'join_spatial';
export const TABULAR_TABLE = 'join_tabular';
/** The distinct keys of each side, with the number of their rows. Rows without a key are not included. */
export const SPATIAL_KEYS = 'join_spatial_keys';
export const TABULAR_KEYS = 'join_tabular_keys';

/** SQL for a value, given an alias of its table. */
export type Value = (alias: string) => string;

/** Drops the tables of an earlier attempt. */
export const DROP_TABLES = format('drop table if exists %I', [
  PROCESSED_TABLE,
  SPATIAL_TABLE,
  TABULAR_TABLE,
  SPATIAL_KEYS,
  TABULAR_KEYS,
]);

/** Creates the table of distinct keys. */
export function keysSql(kind: TableSession['tables'], table: string, key: Value, keys: string): string {
  return format(
    `create %4$s table %1$I as
     select %2$s as key, count(*) as rows from %3$I as x where %2$s is not null group by 1`,
    keys,
    key('x'),
    table,
    kind,
  );
}

/**
 * Keys of the tabular side that several rows have, the most frequent first: `key`, `rows`; over all such keys `keys`
 * (their number) and `most` (the largest number of rows). Texts are cut to `length` characters.
 */
export function duplicatesSql(limit: number, length: number): string {
  return format(
    `select left(key::text, ${length}) as key, rows::float8, (count(*) over ())::float8 as keys,
       (max(rows) over ())::float8 as most
     from %I where rows > 1 order by rows desc, key limit ${limit}`,
    TABULAR_KEYS,
  );
}

/** Counts rows of the result, rows of each side with a match, unmatched keys, and rows with a key. */
export const COUNT_MATCHES = format(
  `select coalesce(sum(s.rows::numeric * t.rows), 0)::float8 as matched_rows,
     coalesce(sum(s.rows) filter (where t.key is not null), 0)::float8 as matched_spatial_rows,
     coalesce(sum(t.rows) filter (where s.key is not null), 0)::float8 as matched_tabular_rows,
     (count(*) filter (where t.key is null))::float8 as unmatched_spatial,
     (count(*) filter (where s.key is null))::float8 as unmatched_tabular,
     coalesce(sum(s.rows), 0)::float8 as spatial_rows, coalesce(sum(t.rows), 0)::float8 as tabular_rows
   from %I as s full join %I as t on s.key = t.key`,
  SPATIAL_KEYS,
  TABULAR_KEYS,
);

/** The first keys of one side that the other side does not have, as text. */
export function unmatchedSql(keys: string, otherKeys: string, limit: number, length: number): string {
  return format(
    `select left(k.key::text, ${length}) as key from %I as k
     where not exists (select from %I as other where other.key = k.key) order by k.key limit ${limit}`,
    keys,
    otherKeys,
  );
}

/**
 * The first rows of the join that have a match, in the order of both files, as numbers of rows: `spatial`, `tabular`.
 * The features are selected first, because a key with many rows on both sides would give far more rows.
 */
export function matchedRowsSql(leftKey: Value, rightKey: Value, limit: number): string {
  return format(
    `select s.${ROW_NUMBER}::float8 as spatial, t.${ROW_NUMBER}::float8 as tabular
     from (select s.* from %1$I as s where exists (select from %3$I as k where k.key = %4$s)
           order by s.${ROW_NUMBER} limit ${limit}) as s
       join %2$I as t on %4$s = %5$s
     order by 1, 2 limit ${limit}`,
    SPATIAL_TABLE,
    TABULAR_TABLE,
    TABULAR_KEYS,
    leftKey('s'),
    rightKey('t'),
  );
}

export interface Join {
  how: 'left' | 'inner';
  leftKey: Value;
  rightKey: Value;
  /** Attributes of the result: SQL over alias `s` or `t`, and name. */
  columns: { value: string; name: string }[];
  /** SQL for the geometry of alias `s`. */
  geometry: string;
  geometryColumn: string;
  srid: number;
  /** Number of rows of the table with the most frequent key. */
  mostRows: number;
}

/**
 * Joins the two tables into `processed`. A feature that matches several rows is repeated, numbered in the order of both
 * files.
 */
export function joinSql(join: Join): string {
  const several = join.mostRows > 1;
  const rank = format('row_number() over (partition by %s order by x.%I) as rank', join.rightKey('x'), ROW_NUMBER);
  const table = several ? format('(select x.*, %s from %I as x)', rank, TABULAR_TABLE) : format('%I', TABULAR_TABLE);
  const feature = several ? `(s.${ROW_NUMBER} - 1) * ${join.mostRows} + coalesce(t.rank, 1)` : `s.${ROW_NUMBER}`;
  const columns = [
    format('%s as %I', feature, KEY_COLUMN),
    ...join.columns.map(({ value, name }) => format('%s as %I', value, name)),
    format(`ST_SetSRID(%s, ${join.srid}) as %I`, join.geometry, join.geometryColumn),
  ];
  return format(
    'create unlogged table %I as select %s from %I as s %s join %s as t on %s = %s',
    PROCESSED_TABLE,
    columns.join(', '),
    SPATIAL_TABLE,
    join.how,
    table,
    join.leftKey('s'),
    join.rightKey('t'),
  );
}
