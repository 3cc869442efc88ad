import format from 'pg-format';
import { createTableAs, geometryOf, type RecipeStep, type TableFacts } from '../step.ts';

/**
 * Brings geometries to the target CRS, and to what GeoParquet can hold: curves become lines (before the transformation, while a
 * circle is a circle), TINs and polyhedral surfaces become multipolygons, M values are dropped, Z values stay.
 * Nothing is done when the table is so already.
 */
export const normalizeCrs: RecipeStep = {
  name: 'NormalizeCRS',
  createsTable: true,
  plan: ({ input, output }, facts) => {
    const geometry = geometryOf(facts);
    const changed = normalized(geometry, facts);
    return changed === geometry ? [] : [{ sql: createTableAs(output, format('%I as t', input), changed, facts) }];
  },
  expression: (facts) => normalized(geometryOf(facts), facts),
  failure: { code: 'CRS_TRANSFORM_FAILED', says: 'cannot be transformed' },
  // Some projections answer infinity where others refuse.
  faults: ({ output }, facts) =>
    facts.sourceSrid === facts.targetSrid
      ? []
      : [
          {
            code: 'CRS_TRANSFORM_FAILED',
            says: 'cannot be transformed',
            sql: format(
              `select feature, 'a coordinate became infinite' as reason from (select %I as feature, %I::box3d as box from %I offset 0) as t
       where 'infinity' in (abs(ST_XMin(box)), abs(ST_YMin(box)), abs(ST_XMax(box)), abs(ST_YMax(box)))`,
              facts.keyColumn,
              facts.geometryColumn,
              output,
            ),
          },
        ],
};

/** ST_Zmflag of geometries with M. */
const M = 1;
const ZM = 3;

function normalized(geometry: string, facts: TableFacts): string {
  const flat = facts.surfaces ? polygonsOf(geometry) : geometry;
  const straight = facts.curves ? `ST_CurveToLine(${flat})` : flat;
  const measured = facts.measures
    ? `case ST_Zmflag(${geometry}) when ${M} then ST_Force2D(${straight}) when ${ZM} then ST_Force3DZ(${straight}) else ${straight} end`
    : straight;
  return facts.sourceSrid === facts.targetSrid ? measured : format('ST_Transform(%s, %s)', measured, facts.targetSrid);
}

/** The faces of a surface as one multipolygon, other geometries as they are. */
function polygonsOf(geometry: string): string {
  return `case when GeometryType(${geometry}) in ('TIN', 'TRIANGLE', 'POLYHEDRALSURFACE') then
    (select ST_Multi(ST_Collect(case when GeometryType(face.geom) = 'TRIANGLE' then ST_MakePolygon(ST_ExteriorRing(face.geom)) else face.geom end)) from ST_Dump(${geometry}) as face)
    else ${geometry} end`;
}
