import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { quotedString } from '@duckdb/node-api';
import { from as copyFrom } from 'pg-copy-streams';
import format from 'pg-format';
import { type ColumnType, ledgerType } from '#shared/contracts/column-types.ts';
import type { Column } from '#shared/contracts/shared-schemas.ts';
import {
  convertedSql,
  readableRowSql,
  type TextColumn,
  type TextTable,
  valueSql,
} from '#shared/tables/infer/text-table.ts';
import { normalizeSql } from '#shared/tables/infer/notation.ts';
import { openLockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { statementFailure } from '#shared/errors/database-failure.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN } from '#shared/postgis/run-schema.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { ignoreError, readFileStream } from '#shared/streams/file-streams.ts';
import type { LoadContext } from '../load-context.ts';
import type { Points } from './read-points.ts';

/** Characters of a value in a message. */
const MAX_VALUE_CHARACTERS = 100;
/** Characters of an error of PostGIS in a message. */
const MAX_ERROR_CHARACTERS = 200;
const CHUNK_BYTES = 2 ** 18;
/** Columns before the WKT is parsed: the line of a row, and its WKT. */
const LINE = 'sluice~line';
const WKT = 'sluice~wkt';

/**
 * Copies the readable rows into a new unlogged table with the columns of `raw_data`: DuckDB converts the values, and
 * PostGIS reads the geometries. Returns the attribute columns. Throws GEOMETRY_INVALID with the line of a WKT.
 */
export async function copyPoints(
  points: Points,
  target: { table: string; srid: number; file: string },
  context: LoadContext,
): Promise<Column[]> {
  const { session, env } = context;
  const { table, srid, file } = target;
  const source = points.table;
  const attributes = source.columns.map((column, index) => ({
    column,
    type: points.types[index] ?? ({ type: 'text' } as const),
  }));
  const columns = attributes.map(({ column, type }) => ({ name: column.name, type: postgresType(type) }));
  const definitions = columns.map(({ name, type }) => format('%I %s', name, type));
  const geometry = format('%I geometry', env.GEOMETRY_COLUMN);
  const isWkt = points.geometry.kind === 'wkt';
  const staged = isWkt ? [format('%I bigint', LINE), format('%I text', WKT)] : [geometry];
  await session.query(
    format(
      'create unlogged table %I (%s)',
      table,
      [format('%I bigint', KEY_COLUMN), ...definitions, ...staged].join(', '),
    ),
  );
  const values = [
    'row_number() over ()',
    ...attributes.map(({ column, type }) => convertedSql(source, column, type)),
    ...geometryValues(source, points.geometry, srid),
  ];
  await copyRows(`select ${values.join(', ')} from ${source.rowsSql} where ${readableRowSql(source)}`, target, context);
  if (isWkt) await readWkt(session, table, columns, { srid, file, geometryColumn: env.GEOMETRY_COLUMN });
  await session.query(format('alter table %I add primary key (%I)', table, KEY_COLUMN));
  return columns;
}

function postgresType(type: ColumnType): string {
  return type.type === 'text' ? 'character varying' : ledgerType(type);
}

/** SQL of DuckDB: the geometry of a point as EWKT; for WKT, the line and the text. */
function geometryValues(table: TextTable, geometry: Points['geometry'], srid: number): string[] {
  const columnAt = (position: number) => table.columns.find((column) => column.position === position) as TextColumn;
  if (geometry.kind === 'wkt') return ['line', `nullif(trim(${valueSql(table, geometry.wkt)}), '')`];
  const number = (position: number) => {
    const text = normalizeSql('double', `trim(${valueSql(table, columnAt(position))})`, table.notation);
    return `cast(${text} as double)::varchar`;
  };
  return [`'SRID=${srid};POINT(' || ${number(geometry.x)} || ' ' || ${number(geometry.y)} || ')'`];
}

/**
 * Copies the result of a query of DuckDB into a table. DuckDB puts a text in quotes when it is empty, so that
 * PostgreSQL distinguishes it from null. Each row begins with a number, so that no line is `\.`, the end of the data.
 */
async function copyRows(
  select: string,
  { table, file }: { table: string; file: string },
  { session, env, folder, signal }: LoadContext,
): Promise<void> {
  const path = join(folder, 'converted');
  {
    using database = await openLockedDatabase(folder, { threads: env.CORES, preserveOrder: true });
    await database.query(`copy (${select}) to ${quotedString(path)} (format csv, header false, nullstr '')`, signal);
  }
  const copy = session.client.query(copyFrom(format('copy %I from stdin (format csv)', table)));
  copy.on('error', ignoreError);
  try {
    await pipeline(readFileStream(path, { highWaterMark: CHUNK_BYTES, signal }), copy, { signal });
  } catch (thrown) {
    signal.throwIfAborted();
    throw statementFailure(thrown) ?? rowTooLong(thrown, file) ?? thrown;
  }
  await rm(path);
}

/** SQLSTATE of a row that is longer than a page of PostgreSQL, such as one of 1,200 numbers. */
const PROGRAM_LIMIT_EXCEEDED = '54000';

function rowTooLong(thrown: unknown, file: string): SluiceError | undefined {
  if ((thrown as { code?: unknown }).code !== PROGRAM_LIMIT_EXCEEDED) return undefined;
  return new SluiceError(
    'TOO_MANY_COLUMNS',
    `${file} has more columns than a row of PostgreSQL can hold: ${reasonOf(thrown)}. ` +
      'Remove columns, or split the table.',
    { cause: thrown, details: { file } },
  );
}

interface WktOptions {
  srid: number;
  file: string;
  geometryColumn: string;
}

/** Replaces the column of WKT by the geometry column. */
async function readWkt(
  session: PostgisSession,
  table: string,
  columns: readonly Column[],
  options: WktOptions,
): Promise<void> {
  const parsed = `${table}_typed`;
  const kept = [KEY_COLUMN, ...columns.map(({ name }) => name)].map((name) => format('%I', name));
  const geometry = format('st_setsrid(st_geomfromewkt(%I), %s) as %I', WKT, options.srid, options.geometryColumn);
  const sql = [
    format('create unlogged table %I as select %s, %s from %I', parsed, kept.join(', '), geometry, table),
    format('drop table %I', table),
    format('alter table %I rename to %I', parsed, table),
  ];
  try {
    await session.query(sql.join(';\n'));
  } catch (thrown) {
    throw (await findUnreadable(session, table, options.file)) ?? thrown;
  }
}

/** A function that returns the error of a WKT. PostgreSQL stops at the first invalid value without its row. */
const READ_ERROR_FUNCTION = `
  create or replace function pg_temp.sluice_read_error(value text) returns text language plpgsql as $$
  begin
    perform st_geomfromewkt(value);
    return null;
  exception when internal_error or invalid_parameter_value or data_exception then
    return left(split_part(sqlerrm, e'\\n', 1), ${MAX_ERROR_CHARACTERS});
  end $$`;

/** The error for the first row with a WKT that cannot be read; undefined when there is none. */
async function findUnreadable(session: PostgisSession, table: string, file: string): Promise<SluiceError | undefined> {
  await session.query(READ_ERROR_FUNCTION);
  const [invalid] = await session.query<{ line: string; value: string; error: string }>(
    format(
      `select line, value, error
         from (
           select %1$I as line, left(%2$I, ${MAX_VALUE_CHARACTERS}) as value,
                  pg_temp.sluice_read_error(%2$I) as error
             from %3$I
            order by 1) as t
        where error is not null
        limit 1`,
      LINE,
      WKT,
      table,
    ),
  );
  if (invalid === undefined) return undefined;
  const line = Number(invalid.line);
  return new SluiceError(
    'GEOMETRY_INVALID',
    `Line ${line} of ${file}: ${JSON.stringify(invalid.value)} is not valid WKT (${invalid.error}). ` +
      'Correct it, or leave it empty.',
    { details: { file, line } },
  );
}
