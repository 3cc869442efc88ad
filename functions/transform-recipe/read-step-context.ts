import format from 'pg-format';
import type { Env } from '#shared/config/env.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
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
import { counted } from '#shared/text/amounts.ts';
import type { Recipe } from '#shared/recipes/registry.ts';
import { areaKey, transformBox } from '#shared/recipes/sql/clip-area.ts';
import { hasNestedSurface } from '#shared/recipes/steps/normalize-crs.ts';

const CURVES = ['CIRCULARSTRING', 'COMPOUNDCURVE', 'CURVEPOLYGON', 'MULTICURVE', 'MULTISURFACE'];
const SURFACES = ['TIN', 'TRIANGLE', 'POLYHEDRALSURFACE'];
/** The bit of the result of ST_Zmflag() that is set if the geometry has M. */
const HAS_M = 1;
/** SQLSTATE that PostGIS raises when PROJ cannot transform a vertex. */
const INTERNAL_ERROR = 'XX000';

/** The context of the first step, with the parameters that are recorded on the asset. */
export interface FirstStepContext extends StepContext {
  parameters: CompleteParameters;
  /** About geometries that an asset stores in another form (normalizeCrs). */
  notes: Note[];
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

/** Whether raw_data has curves, surfaces and M values, and notes about them. */
async function readGeometryFeatures(
  session: PostgisSession,
  geometryColumn: string,
): Promise<Pick<FirstStepContext, 'curves' | 'surfaces' | 'measures' | 'notes'>> {
  const kinds = await session.query<GeometryKind>(
    format(
      `select GeometryType(%1$I) as type, ST_Zmflag(%1$I) as zm, ST_HasArc(%1$I) as arc,
         case when GeometryType(%1$I) = 'GEOMETRYCOLLECTION' then ${hasNestedSurface('%1$I')} else false end as nested,
         count(*)::int as count
       from %2$I group by 1, 2, 3, 4`,
      geometryColumn,
      RAW_TABLE,
    ),
  );
  const isSurface = ({ type, nested }: GeometryKind) => nested === true || SURFACES.includes(type ?? '');
  const hasMeasure = ({ zm }: GeometryKind) => ((zm ?? 0) & HAS_M) !== 0;
  const count = (test: (kind: GeometryKind) => boolean) =>
    kinds.filter(test).reduce((sum, kind) => sum + kind.count, 0);
  return {
    curves: kinds.some(({ type, arc }) => arc === true || CURVES.includes(type ?? '')),
    surfaces: kinds.some(isSurface),
    measures: kinds.some(hasMeasure),
    notes: [
      ...noteAbout(
        'CURVES_CONVERTED',
        count(({ arc }) => arc === true),
        {
          subject: 'Arcs',
          predicate: 'are stored as lines, with 32 segments for a quarter of a circle.',
        },
      ),
      ...noteAbout('SURFACES_CONVERTED', count(isSurface), {
        subject: 'Surfaces',
        predicate: 'are stored as polygons, one for each face.',
      }),
      ...noteAbout('MEASURES_REMOVED', count(hasMeasure), {
        subject: 'M values',
        predicate: 'were removed, because an asset cannot store them.',
      }),
    ],
  };
}

interface GeometryKind {
  type: string | null;
  zm: number | null;
  arc: boolean | null;
  nested: boolean | null;
  count: number;
}

function noteAbout(code: string, features: number, about: { subject: string; predicate: string }): Note[] {
  if (features === 0) return [];
  return [{ code, message: `${about.subject} of ${counted(features, 'feature')} ${about.predicate}` }];
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
          'Make it smaller, or specify it in that coordinate reference system.',
      );
    areas.set(areaKey(box), found.area);
  }
  return areas;
}
