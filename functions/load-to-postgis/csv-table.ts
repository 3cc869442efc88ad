import format from 'pg-format';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readColumns } from '#shared/postgis/table-columns.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import type { CsvGeometry } from './csv-columns.ts';
import { fitsSql, fittingType } from './csv-types.ts';
import { STAGED_GEOMETRY, STAGED_KEY } from './load/plan-load.ts';

/** A CSV is staged as text; here it gets types and geometries, so that a value that does not parse is told by its row. */

/** PostgreSQL takes at most 1,664 expressions, of six types each, in one query. */
const COLUMNS_PER_QUERY = 250;
const NUMBER = String.raw`^\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*$`;

/** Rewrites the staged table: empty text is null, columns have types, and there is a geometry column. Throws GEOMETRY_INVALID with the row. */
export async function typeCsvTable(
  session: PostgisSession,
  table: string,
  options: { geometry: CsvGeometry; originals: readonly string[]; srid: number; file: string },
): Promise<void> {
  const staged = (await readColumns(session, table)).map((column) => column.name).filter((name) => name !== STAGED_KEY);
  const geometry = inStagedNames(options.geometry, staged, options.originals);
  const attributes = geometry.kind === 'wkt' ? staged.filter((name) => name !== geometry.column) : staged;
  const types = await columnTypes(session, table, attributes);
  await refuseBadCoordinates(session, table, geometry, options.file);
  const columns = attributes.map((name, index) =>
    format(`nullif(%I, '')::${types[index] ?? 'character varying'} as %I`, name, name),
  );
  const typed = `${table}_typed`;
  const sql = [
    format(
      'create unlogged table %I as select %s from %I',
      typed,
      [
        format('%I', STAGED_KEY),
        ...columns,
        format('%s as %I', geometrySql(geometry, options.srid), STAGED_GEOMETRY),
      ].join(', '),
      table,
    ),
    format('drop table %I', table),
    format('alter table %I rename to %I', typed, table),
    format('alter table %I add primary key (%I)', table, STAGED_KEY),
  ];
  try {
    await session.query(sql.join(';\n'));
  } catch (thrown) {
    throw (await badWkt(session, table, geometry, options.file)) ?? thrown;
  }
}

/** The file's names stand in the same order as the staged ones, which ogr2ogr may have changed. */
function inStagedNames(geometry: CsvGeometry, staged: readonly string[], originals: readonly string[]): CsvGeometry {
  const stagedName = (name: string) =>
    staged[originals.length === staged.length ? originals.indexOf(name) : staged.indexOf(name)] ?? name;
  return geometry.kind === 'wkt'
    ? { kind: 'wkt', column: stagedName(geometry.column) }
    : { kind: 'xy', x: stagedName(geometry.x), y: stagedName(geometry.y) };
}

async function columnTypes(session: PostgisSession, table: string, columns: readonly string[]): Promise<string[]> {
  const types: string[] = [];
  for (let at = 0; at < columns.length; at += COLUMNS_PER_QUERY) {
    const some = columns.slice(at, at + COLUMNS_PER_QUERY);
    const [row] = await session.query<Record<string, (boolean | null)[]>>(fitsSql(table, some));
    types.push(...some.map((_, index) => fittingType(row?.[`c${index}`] ?? [])));
  }
  return types;
}

function geometrySql(geometry: CsvGeometry, srid: number): string {
  if (geometry.kind === 'wkt')
    return format(`st_setsrid(st_geomfromewkt(nullif(btrim(%I), '')), %s)`, geometry.column, srid);
  return format(
    `st_setsrid(st_makepoint(nullif(btrim(%I), '')::float8, nullif(btrim(%I), '')::float8), %s)`,
    geometry.x,
    geometry.y,
    srid,
  );
}

async function refuseBadCoordinates(
  session: PostgisSession,
  table: string,
  geometry: CsvGeometry,
  file: string,
): Promise<void> {
  if (geometry.kind !== 'xy') return;
  for (const column of [geometry.x, geometry.y]) {
    const [bad] = await session.query<{ row: string; value: string }>(
      format(
        `select %I as row, left(%I, 100) as value from %I where btrim(%I) <> '' and %I !~ %L order by 1 limit 1`,
        STAGED_KEY,
        column,
        table,
        column,
        column,
        NUMBER,
      ),
    );
    if (bad !== undefined)
      throw invalid(file, Number(bad.row), column, `${JSON.stringify(bad.value)} is not a number with a decimal point`);
  }
}

/** Finds the row whose WKT does not parse; undefined when that was not the reason. */
async function badWkt(
  session: PostgisSession,
  table: string,
  geometry: CsvGeometry,
  file: string,
): Promise<SluiceError | undefined> {
  if (geometry.kind !== 'wkt') return undefined;
  await session.query(
    `create or replace function pg_temp.sluice_wkt_error(t text) returns text language plpgsql as $$ begin perform st_geomfromewkt(t); return null; exception when internal_error or invalid_parameter_value or data_exception then return sqlerrm; end $$`,
  );
  const [bad] = await session.query<{ row: string; value: string; error: string }>(
    format(
      `select row, value, error from (select %I as row, left(%I, 100) as value, pg_temp.sluice_wkt_error(nullif(btrim(%I), '')) as error from %I order by 1) t where error is not null limit 1`,
      STAGED_KEY,
      geometry.column,
      geometry.column,
      table,
    ),
  );
  return bad === undefined
    ? undefined
    : invalid(
        file,
        Number(bad.row),
        geometry.column,
        `${JSON.stringify(bad.value)} is not WKT (${bad.error.split('\n')[0]})`,
      );
}

function invalid(file: string, row: number, column: string, what: string): SluiceError {
  return new SluiceError(
    'GEOMETRY_INVALID',
    `Row ${row} of ${file}, column ${JSON.stringify(column)}: ${what}. Correct it, or leave it empty.`,
    { details: { file, row, column } },
  );
}
