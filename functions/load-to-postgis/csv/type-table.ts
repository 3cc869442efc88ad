import format from 'pg-format';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { readColumns } from '#shared/postgis/table-checks.ts';
import type { StagedNames } from '../load/plan-load.ts';
import type { CsvGeometry } from './geometry-columns.ts';
import { inferColumnTypes, type InferenceContext } from './column-types.ts';

const NUMBER = String.raw`^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$`;
/** Characters of a value in a message. */
const MAX_VALUE_CHARACTERS = 100;
/** Characters of an error of PostGIS in a message. */
const MAX_ERROR_CHARACTERS = 200;

export interface CsvTableOptions extends InferenceContext {
  geometry: CsvGeometry;
  names: StagedNames;
  /** The names of the columns in the file. */
  originals: readonly string[];
  srid: number;
  file: string;
}

/**
 * Rewrites a CSV that ogr2ogr loaded as text. Its columns get types and its geometry column is created; an empty text
 * becomes null. PostgreSQL does this instead of GDAL, so that an invalid geometry is an error with its row. Throws
 * GEOMETRY_INVALID.
 */
export async function typeCsvTable(session: PostgisSession, table: string, options: CsvTableOptions): Promise<void> {
  const { names, file } = options;
  const staged = (await readColumns(session, table)).map((column) => column.name).filter((name) => name !== names.key);
  const geometry = stagedGeometry(options.geometry, staged, options.originals);
  const attributes = geometry.kind === 'wkt' ? staged.filter((name) => name !== geometry.column) : staged;
  const types = await inferColumnTypes(session, table, attributes, options);
  await checkCoordinates(session, table, geometry, names.key, file);
  const columns = attributes.map((name, index) =>
    format(`nullif(%I, '')::${types[index] ?? 'character varying'} as %I`, name, name),
  );
  try {
    await session.query(rewriteSql(table, names.key, [...columns, geometryColumnSql(geometry, options)]));
  } catch (thrown) {
    throw (await findUnreadable(session, table, geometry, names.key, file)) ?? thrown;
  }
}

/**
 * The geometry columns by their names in the table, which ogr2ogr may have changed. The order of the columns is that
 * of the file.
 */
function stagedGeometry(geometry: CsvGeometry, staged: readonly string[], originals: readonly string[]): CsvGeometry {
  const stagedName = (name: string) =>
    staged[originals.length === staged.length ? originals.indexOf(name) : staged.indexOf(name)] ?? name;
  return geometry.kind === 'wkt'
    ? { kind: 'wkt', column: stagedName(geometry.column) }
    : { kind: 'xy', x: stagedName(geometry.x), y: stagedName(geometry.y) };
}

function rewriteSql(table: string, key: string, columns: readonly string[]): string {
  const typed = `${table}_typed`;
  const select = [format('%I', key), ...columns].join(', ');
  return [
    format('create unlogged table %I as select %s from %I', typed, select, table),
    format('drop table %I', table),
    format('alter table %I rename to %I', typed, table),
    format('alter table %I add primary key (%I)', table, key),
  ].join(';\n');
}

function geometryColumnSql(geometry: CsvGeometry, { srid, names }: Pick<CsvTableOptions, 'srid' | 'names'>): string {
  if (geometry.kind === 'wkt')
    return format(
      `st_setsrid(st_geomfromewkt(nullif(btrim(%I), '')), %s) as %I`,
      geometry.column,
      srid,
      names.geometry,
    );
  const coordinate = (name: string) => format(`nullif(btrim(%I), '')::float8`, name);
  return format(
    'st_setsrid(st_makepoint(%s, %s), %s) as %I',
    coordinate(geometry.x),
    coordinate(geometry.y),
    srid,
    names.geometry,
  );
}

async function checkCoordinates(
  session: PostgisSession,
  table: string,
  geometry: CsvGeometry,
  key: string,
  file: string,
): Promise<void> {
  if (geometry.kind !== 'xy') return;
  for (const column of [geometry.x, geometry.y]) {
    const sql = format(
      `select %1$I as row, left(%2$I, ${MAX_VALUE_CHARACTERS}) as value
         from %3$I
        where btrim(%2$I) <> '' and %2$I !~ %4$L
        order by 1
        limit 1`,
      key,
      column,
      table,
      NUMBER,
    );
    const [invalid] = await session.query<{ row: string; value: string }>(sql);
    if (invalid === undefined) continue;
    const problem = `${JSON.stringify(invalid.value)} is not a number with a decimal point`;
    throw geometryInvalid(file, Number(invalid.row), column, problem);
  }
}

/**
 * A function that returns the error of a WKT or a number. PostgreSQL stops at the first invalid value and does not
 * report its row.
 */
const READ_ERROR_FUNCTION = `
  create or replace function pg_temp.sluice_read_error(kind text, value text) returns text language plpgsql as $$
  begin
    if kind = 'wkt' then perform st_geomfromewkt(value); else perform value::float8; end if;
    return null;
  exception when internal_error or invalid_parameter_value or data_exception then
    return left(split_part(sqlerrm, e'\\n', 1), ${MAX_ERROR_CHARACTERS});
  end $$`;

/** The error for the first row with a WKT or a coordinate that cannot be read; undefined when there is none. */
async function findUnreadable(
  session: PostgisSession,
  table: string,
  geometry: CsvGeometry,
  key: string,
  file: string,
): Promise<SluiceError | undefined> {
  await session.query(READ_ERROR_FUNCTION);
  for (const column of geometry.kind === 'wkt' ? [geometry.column] : [geometry.x, geometry.y]) {
    const sql = format(
      `select row, value, error
         from (
           select %1$I as row, left(%2$I, ${MAX_VALUE_CHARACTERS}) as value,
                  pg_temp.sluice_read_error(%4$L, nullif(btrim(%2$I), '')) as error
             from %3$I
            order by 1) as t
        where error is not null
        limit 1`,
      key,
      column,
      table,
      geometry.kind,
    );
    const [invalid] = await session.query<{ row: string; value: string; error: string }>(sql);
    if (invalid === undefined) continue;
    const reason = geometry.kind === 'wkt' ? `is not valid WKT (${invalid.error})` : 'is outside the range of a double';
    return geometryInvalid(file, Number(invalid.row), column, `${JSON.stringify(invalid.value)} ${reason}`);
  }
  return undefined;
}

function geometryInvalid(file: string, row: number, column: string, problem: string): SluiceError {
  return new SluiceError(
    'GEOMETRY_INVALID',
    `Row ${row} of ${file}, column ${JSON.stringify(column)}: ${problem}. Correct it, or leave it empty.`,
    { details: { file, row, column } },
  );
}
