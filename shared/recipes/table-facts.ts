import type { Env } from '#shared/config/env.ts';
import format from 'pg-format';
import { readColumns } from '#shared/postgis/table-columns.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { KEY_COLUMN, RAW_TABLE } from '#shared/postgis/run-schema.ts';
import { checkGeometryContract } from '#shared/postgis/table-checks.ts';
import { areaKey, transformBox } from './clip-area.ts';
import { invalidParameter } from './invalid-parameter.ts';
import {
  boxesToTransform,
  completeParameters,
  namedCrs,
  type RecipeParameters,
  targetSrid,
  unitOf,
} from './parameters.ts';
import type { Recipe } from './registry.ts';
import type { CrsUnit, TableFacts } from './step.ts';
import type { RecipeParameters as GivenParameters } from './recipe-parameters.ts';

const CURVES = ['CIRCULARSTRING', 'COMPOUNDCURVE', 'CURVEPOLYGON', 'MULTICURVE', 'MULTISURFACE'];
const SURFACES = ['TIN', 'TRIANGLE', 'POLYHEDRALSURFACE'];
/** Bit of ST_Zmflag(). */
const HAS_M = 1;
/** PostGIS's own failure: PROJ cannot transform a vertex. */
const INTERNAL_ERROR = 'XX000';

interface Shape {
  type: string | null;
  zm: number | null;
  arc: boolean | null;
}

/** The facts, with the parameters as they are recorded on the asset. */
export interface RecipeFacts extends TableFacts {
  parameters: RecipeParameters;
}

/** Reads what the steps need to know of raw_data. Throws GEOMETRY_CONTRACT, and RECIPE_INVALID for a wrong parameter or an unknown CRS. */
export async function readFacts(
  session: PostgisSession,
  env: Pick<Env, 'GEOMETRY_COLUMN'>,
  recipe: Recipe,
  given: GivenParameters,
  sourceSrid: number,
): Promise<RecipeFacts> {
  const target = targetSrid(given);
  const columns = await readColumns(session, RAW_TABLE);
  checkGeometryContract(RAW_TABLE, columns, env.GEOMETRY_COLUMN);
  const units = await readUnits(session, given);
  const shapes = await session.query<Shape & Record<string, unknown>>(
    format(
      'select GeometryType(%1$I) as type, ST_Zmflag(%1$I) as zm, ST_HasArc(%1$I) as arc from %2$I group by 1, 2, 3',
      env.GEOMETRY_COLUMN,
      RAW_TABLE,
    ),
  );
  return {
    geometryColumn: env.GEOMETRY_COLUMN,
    keyColumn: KEY_COLUMN,
    columns,
    sourceSrid,
    targetSrid: target,
    units,
    areas: await transformBoxes(session, given),
    curves: shapes.some(({ type, arc }) => arc === true || CURVES.includes(type ?? '')),
    surfaces: shapes.some(({ type }) => SURFACES.includes(type ?? '')),
    measures: shapes.some(({ zm }) => ((zm ?? 0) & HAS_M) !== 0),
    parameters: completeParameters(given, recipe, units.get(target) ?? 1),
  };
}

/** The units of the CRSs that the parameters name. */
async function readUnits(session: PostgisSession, given: GivenParameters): Promise<Map<number, CrsUnit>> {
  const named = namedCrs(given);
  const rows = await session.query<{ srid: number; proj4text: string }>(
    'select srid, proj4text from spatial_ref_sys where srid = any($1)',
    [named.map(({ srid }) => srid)],
  );
  const units = new Map(rows.map(({ srid, proj4text }) => [srid, unitOf(proj4text)]));
  const unknown = named.find(({ srid }) => !units.has(srid));
  if (unknown !== undefined)
    throw invalidParameter(
      unknown.path,
      `EPSG:${unknown.srid} is not a coordinate reference system that PostGIS knows.`,
    );
  const geocentric = named.find(({ srid }) =>
    rows.some((row) => row.srid === srid && /\+proj=geocent\b/.test(row.proj4text)),
  );
  if (geocentric !== undefined)
    throw invalidParameter(
      geocentric.path,
      `EPSG:${geocentric.srid} counts from the center of the Earth. Choose a geographic or projected coordinate reference system, such as EPSG:4326.`,
    );
  return units;
}

/** The boxes of clip steps in the target CRS. */
async function transformBoxes(session: PostgisSession, given: GivenParameters): Promise<Map<string, string>> {
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
        `the box cannot be expressed in EPSG:${targetSrid(given)}. Make it smaller, or give it in that coordinate reference system.`,
      );
    areas.set(areaKey(box), found.area);
  }
  return areas;
}
