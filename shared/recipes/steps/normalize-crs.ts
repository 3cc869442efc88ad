import format from 'pg-format';
import type { FeatureCheck, RecipeStep, StepContext, StepTables } from '../recipe-step.ts';
import { createTableAs, geometryOf } from '../sql/select.ts';

/**
 * Transforms geometries to the target CRS, and converts them to types that GeoParquet supports: curves become lines
 * (before the transformation, which would distort a circle), TINs and polyhedral surfaces become multipolygons, M
 * values are removed, Z values are kept. Does nothing when neither is necessary.
 */
export const normalizeCrs: RecipeStep = {
  name: 'NormalizeCRS',
  createsTable: true,
  plan: ({ input, output }, context) => {
    const geometry = geometryOf(context);
    const changed = normalized(geometry, context);
    return changed === geometry ? [] : [{ sql: createTableAs(output, format('%I as t', input), changed, context) }];
  },
  expression: (context) => normalized(geometryOf(context), context),
  failure: { code: 'CRS_TRANSFORM_FAILED', predicate: 'cannot be transformed' },
  checks: (tables, context) => (context.sourceSrid === context.targetSrid ? [] : [findInfinite(tables, context)]),
};

/** Some projections return infinity for a coordinate that they cannot transform. */
function findInfinite({ output }: StepTables, context: StepContext): FeatureCheck {
  return {
    code: 'CRS_TRANSFORM_FAILED',
    predicate: 'cannot be transformed',
    sql: format(
      `select feature, 'a coordinate became infinite' as reason
       from (select %I as feature, %I::box3d as box from %I offset 0) as t
       where 'infinity' in (abs(ST_XMin(box)), abs(ST_YMin(box)), abs(ST_XMax(box)), abs(ST_YMax(box)))`,
      context.keyColumn,
      context.geometryColumn,
      output,
    ),
  };
}

/** ST_Zmflag of geometries with M. */
const M = 1;
const ZM = 3;

function normalized(geometry: string, context: StepContext): string {
  const flat = context.surfaces ? polygonsOf(geometry) : geometry;
  const straight = context.curves ? `ST_CurveToLine(${flat})` : flat;
  const measured = context.measures
    ? `case ST_Zmflag(${geometry}) when ${M} then ST_Force2D(${straight})
         when ${ZM} then ST_Force3DZ(${straight}) else ${straight} end`
    : straight;
  return context.sourceSrid === context.targetSrid
    ? measured
    : format('ST_Transform(%s, %s)', measured, context.targetSrid);
}

/** SQL for the faces of a surface as one multipolygon; other geometries are unchanged. */
function polygonsOf(geometry: string): string {
  return `case when GeometryType(${geometry}) in ('TIN', 'TRIANGLE', 'POLYHEDRALSURFACE') then
      (select ST_Multi(ST_Collect(
         case when GeometryType(face.geom) = 'TRIANGLE' then ST_MakePolygon(ST_ExteriorRing(face.geom))
         else face.geom end))
       from ST_Dump(${geometry}) as face)
    else ${geometry} end`;
}
