import format from 'pg-format';
import type { Env } from '#shared/config/env.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN, RAW_TABLE } from '#shared/postgis/run-schema.ts';
import { checkGeometryContract, readColumns } from '#shared/postgis/table-checks.ts';
import { invalidParameter } from '#shared/recipes/parameters/columns.ts';
import {
  boxesToTransform,
  type CompleteParameters,
  completeParameters,
  namedCrs,
  type RecipeParameters,
  targetSrid,
  unitOf,
} from '#shared/recipes/parameters/recipe-parameters.ts';
import type { StepContext } from '#shared/recipes/recipe-step.ts';
import type { Recipe } from '#shared/recipes/registry.ts';
import { areaKey, transformBox } from '#shared/recipes/sql/clip-area.ts';

const CURVES = ['CIRCULARSTRING', 'COMPOUNDCURVE', 'CURVEPOLYGON', 'MULTICURVE', 'MULTISURFACE'];
const SURFACES = ['TIN', 'TRIANGLE', 'POLYHEDRALSURFACE'];
/** Bit of ST_Zmflag() for M. */
const HAS_M = 1;
/** SQLSTATE that PostGIS raises when PROJ cannot transform a vertex. */
const INTERNAL_ERROR = 'XX000';

/** The context of the first step, with the parameters that are recorded on the asset. */
export interface FirstStepContext extends StepContext {
  parameters: CompleteParameters;
}

/**
 * Reads from raw_data what the steps need. Throws GEOMETRY_CONTRACT, and RECIPE_INVALID for a wrong parameter or an
 * unknown CRS.
 */
export async function readStepContext(
  session: PostgisSession,
  env: Pick<Env, 'GEOMETRY_COLUMN'>,
  recipe: Recipe,
  given: RecipeParameters,
  sourceSrid: number,
): Promise<FirstStepContext> {
  const target = targetSrid(given);
  const columns = await readColumns(session, RAW_TABLE);
  checkGeometryContract(RAW_TABLE, columns, env.GEOMETRY_COLUMN);
  const definitions = await readDefinitions(session, given, sourceSrid);
  const units = new Map([...definitions].map(([srid, proj4]) => [srid, unitOf(proj4)]));
  return {
    geometryColumn: env.GEOMETRY_COLUMN,
    keyColumn: KEY_COLUMN,
    columns,
    sourceSrid,
    sourceUnit: units.get(sourceSrid) ?? 1,
    sourceProj4: definitions.get(sourceSrid) ?? '',
    targetSrid: target,
    targetProj4: definitions.get(target) ?? '',
    units,
    ...(await readGeometryFeatures(session, env.GEOMETRY_COLUMN)),
    areas: await transformBoxes(session, given),
    parameters: completeParameters(given, recipe, units.get(target) ?? 1),
  };
}

/** Whether raw_data has curves, surfaces and M values. */
async function readGeometryFeatures(
  session: PostgisSession,
  geometryColumn: string,
): Promise<Pick<StepContext, 'curves' | 'surfaces' | 'measures'>> {
  const kinds = await session.query<{ type: string | null; zm: number | null; arc: boolean | null }>(
    format(
      'select GeometryType(%1$I) as type, ST_Zmflag(%1$I) as zm, ST_HasArc(%1$I) as arc from %2$I group by 1, 2, 3',
      geometryColumn,
      RAW_TABLE,
    ),
  );
  return {
    curves: kinds.some(({ type, arc }) => arc === true || CURVES.includes(type ?? '')),
    surfaces: kinds.some(({ type }) => SURFACES.includes(type ?? '')),
    measures: kinds.some(({ zm }) => ((zm ?? 0) & HAS_M) !== 0),
  };
}

/** The definitions for PROJ of the source CRS and of those that the parameters name. */
async function readDefinitions(
  session: PostgisSession,
  given: RecipeParameters,
  sourceSrid: number,
): Promise<Map<number, string>> {
  const named = namedCrs(given);
  const rows = await session.query<{ srid: number; proj4text: string }>(
    'select srid, proj4text from spatial_ref_sys where srid = any($1)',
    [[sourceSrid, ...named.map(({ srid }) => srid)]],
  );
  const definitions = new Map(rows.map(({ srid, proj4text }) => [srid, proj4text]));
  for (const { srid, path } of named) {
    if (!definitions.has(srid))
      throw invalidParameter(path, `EPSG:${srid} is not a coordinate reference system that PostGIS supports.`);
  }
  for (const { srid, path } of named) {
    if (/\+proj=geocent\b/.test(definitions.get(srid) ?? ''))
      throw invalidParameter(
        path,
        `EPSG:${srid} is a geocentric coordinate reference system. ` +
          'Choose a geographic or projected one, such as EPSG:4326.',
      );
  }
  return definitions;
}

/** The boxes of clip steps in the target CRS. */
async function transformBoxes(session: PostgisSession, given: RecipeParameters): Promise<Map<string, string>> {
  const areas = new Map<string, string>();
  for (const { path, box } of boxesToTransform(given)) {
    const [found] = await session
      .query<{ area: string; usable: boolean }>(transformBox(box, targetSrid(given)))
      .catch((thrown: unknown) => {
        if ((thrown as { code?: string }).code === INTERNAL_ERROR) return [];
        throw thrown;
      });
    if (found?.usable !== true)
      throw invalidParameter(
        path,
        `the box cannot be transformed to EPSG:${targetSrid(given)}. ` +
          'Make it smaller, or give it in that coordinate reference system.',
      );
    areas.set(areaKey(box), found.area);
  }
  return areas;
}
