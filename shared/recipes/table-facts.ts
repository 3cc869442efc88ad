import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import format from 'pg-format';
import { checkGeometryContract } from '#shared/postgis/geometry-contract.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { readColumns } from '#shared/postgis/table-columns.ts';
import { KEY_COLUMN, RAW_TABLE } from '#shared/postgis/tables.ts';
import { completeParameters, parseParameters, targetSrid, unitOf } from './parameters.ts';
import type { Recipe } from './registry.ts';
import type { TableFacts } from './step.ts';

const CURVES = ['CIRCULARSTRING', 'COMPOUNDCURVE', 'CURVEPOLYGON', 'MULTICURVE', 'MULTISURFACE'];
const SURFACES = ['TIN', 'TRIANGLE', 'POLYHEDRALSURFACE'];
/** Bit of ST_Zmflag(). */
const HAS_M = 1;

interface Shape {
  type: string | null;
  zm: number | null;
  arc: boolean | null;
}

/** Reads what the steps need to know of raw_data. Throws GEOMETRY_CONTRACT, and RECIPE_INVALID for a wrong parameter or an unknown target CRS. */
export async function readFacts(session: PostgisSession, env: Pick<Env, 'GEOMETRY_COLUMN'>, recipe: Recipe, given: unknown, sourceSrid: number): Promise<TableFacts> {
  const parameters = parseParameters(given);
  const target = targetSrid(parameters);
  const columns = await readColumns(session, RAW_TABLE);
  checkGeometryContract(RAW_TABLE, columns, env.GEOMETRY_COLUMN);
  const [reference] = await session.query<{ proj4text: string }>('select proj4text from spatial_ref_sys where srid = $1', [target]);
  if (reference === undefined) {
    throw new SluiceError('RECIPE_INVALID', `metadata.recipe.target_crs: EPSG:${target} is not a coordinate reference system that PostGIS knows.`, { details: { parameter: 'target_crs' } });
  }
  const shapes = await session.query<Shape & Record<string, unknown>>(
    format('select GeometryType(%1$I) as type, ST_Zmflag(%1$I) as zm, ST_HasArc(%1$I) as arc from %2$I group by 1, 2, 3', env.GEOMETRY_COLUMN, RAW_TABLE),
  );
  return {
    geometryColumn: env.GEOMETRY_COLUMN,
    keyColumn: KEY_COLUMN,
    columns: columns.map((column) => column.name),
    sourceSrid,
    targetSrid: target,
    curves: shapes.some(({ type, arc }) => arc === true || CURVES.includes(type ?? '')),
    surfaces: shapes.some(({ type }) => SURFACES.includes(type ?? '')),
    measures: shapes.some(({ zm }) => ((zm ?? 0) & HAS_M) !== 0),
    parameters: completeParameters(parameters, recipe, unitOf(reference.proj4text)),
  };
}
