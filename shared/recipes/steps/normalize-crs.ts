import format from 'pg-format';
import type { FeatureCheck, FeatureFailure, RecipeStep, SqlStep, StepContext, StepTables } from '../recipe-step.ts';
import { SPLIT_FUNCTIONS, TORN_FUNCTION } from '../sql/antimeridian-functions.ts';
import {
  findCandidates,
  findLarge,
  findTorn,
  leadsToDegrees,
  splitCandidates,
  splitNotes,
  type SplitSummary,
  summarizeSplit,
  writeSplit,
} from '../sql/antimeridian.ts';
import {
  AREA_FUNCTION,
  areaNotes,
  type AreaSummary,
  changesOf,
  NO_CHANGES,
  summarizeAreas,
} from '../sql/area-change.ts';
import { findEntangled, findNested, findRepeated, tooComplex } from '../sql/complex-geometries.ts';
import { createTableAs, geometryOf } from '../sql/select.ts';
import { notCompared, SHAPE_FUNCTION, shapeNotes, type ShapeSummary } from '../sql/shape-change.ts';

const COMPARISONS: SqlStep = { sql: AREA_FUNCTION + SHAPE_FUNCTION, auxiliary: true };
const TRANSFORM_FAILURE: FeatureFailure = { code: 'CRS_TRANSFORM_FAILED', predicate: 'cannot be transformed' };

/**
 * Transforms geometries to the target CRS, and converts them to types that GeoParquet supports: curves become lines
 * (before the transformation, which would distort a circle), TINs and polyhedral surfaces become multipolygons, M
 * values are removed, Z values are kept. In a geographic CRS, geometries are divided at longitude 180 (RFC 7946,
 * 3.1.9), and a polygon around a pole follows longitudes -180 and 180 to the pole. In a projected CRS, geometries
 * across the edge of the map are rejected. Does nothing when nothing is necessary.
 */
export const normalizeCrs: RecipeStep = {
  name: 'NormalizeCRS',
  createsTable: true,
  plan: (tables, context) => {
    const geometry = geometryOf(context);
    const changed = normalized(geometry, context);
    const write: SqlStep = {
      sql: createTableAs(tables.output, format('%I as t', tables.input), `${changed}::geometry`, context),
      checks: context.sourceSrid === context.targetSrid ? [] : [findInfinite(tables, context)],
    };
    if (leadsToDegrees(context)) return splitAtAntimeridian(tables, context, write, changed !== geometry);
    if (context.sourceSrid !== context.targetSrid) return [write, COMPARISONS, ...rejectTorn(tables, context)];
    return changed === geometry ? [] : [write];
  },
  expression: (context) => normalized(geometryOf(context), context),
  failure: TRANSFORM_FAILURE,
  summary: (tables, context) => summarize(tables, context, changesOf),
  summaryAfterFailure: (tables, context) => summarize(tables, context, () => NO_CHANGES),
  note: ({ before, summary, failure }) => [
    ...('split_geometries' in summary ? splitNotes(summary as unknown as SplitSummary, before) : []),
    ...('area_changed' in summary ? areaNotes(summary as unknown as AreaSummary, before) : []),
    ...('shape_changed' in summary ? shapeNotes(summary as unknown as ShapeSummary, before) : []),
    ...(failure === undefined ? [] : [notCompared(before, failure)]),
  ],
};

/** `compare` is changesOf, or returns NO_CHANGES. */
function summarize(tables: StepTables, context: StepContext, compare: typeof changesOf): string | undefined {
  const source = prepared(geometryOf(context), context);
  const isTransformed = context.sourceSrid !== context.targetSrid;
  const changes = isTransformed ? compare(tables, source, context) : NO_CHANGES;
  if (leadsToDegrees(context)) return summarizeSplit(tables, source, context, changes);
  return isTransformed ? summarizeAreas(changes) : undefined;
}

/** The statements to a geographic CRS. Without a transformation, a table is written only for longitudes beyond 180. */
function splitAtAntimeridian(tables: StepTables, context: StepContext, write: SqlStep, isWritten: boolean): SqlStep[] {
  const source = prepared(geometryOf(context), context);
  const transformed = isWritten ? tables.output : tables.input;
  const candidates = { sql: findCandidates(tables, transformed, source, context), auxiliary: true } as const;
  return [
    ...(isWritten
      ? [write, COMPARISONS, { ...candidates, endWhenEmpty: true } as const]
      : [{ ...candidates, stopWhenEmpty: true } as const, write, COMPARISONS]),
    {
      sql: SPLIT_FUNCTIONS,
      auxiliary: true,
      checks: [
        tooComplex('cannot be transformed', findNested(tables, context)),
        tooComplex('cannot be transformed', findEntangled(tables, context)),
        tooComplex('cannot be transformed', findRepeated(tables, context)),
      ],
    },
    { sql: splitCandidates(tables, transformed, source, context), auxiliary: true, endWhenEmpty: true },
    { sql: writeSplit(tables, context), auxiliary: true },
  ];
}

/** The statements that reject geometries across the edge of the map of a projected CRS. */
function rejectTorn(tables: StepTables, context: StepContext): SqlStep[] {
  return [
    { sql: findLarge(tables, context), auxiliary: true, endWhenEmpty: true },
    {
      sql: TORN_FUNCTION,
      auxiliary: true,
      checks: [{ ...TRANSFORM_FAILURE, sql: findTorn(tables, prepared(geometryOf(context), context), context) }],
    },
  ];
}

/** Some projections return infinity for a coordinate that they cannot transform. */
function findInfinite({ output }: StepTables, context: StepContext): FeatureCheck {
  return {
    ...TRANSFORM_FAILURE,
    // The operator reads only the stored box, in single precision.
    sql: format(
      `select feature, 'a coordinate became infinite' as reason
       from (select %1$I as feature, %2$I::box3d as box from %3$I
         where not (%2$I @ ST_MakeEnvelope(%4$s, %5$s)) offset 0) as t
       where 'infinity' in (abs(ST_XMin(box)), abs(ST_YMin(box)), abs(ST_XMax(box)), abs(ST_YMax(box)))`,
      context.keyColumn,
      context.geometryColumn,
      output,
      leadsToDegrees(context) ? '-360, -90, 360, 90' : '-1e30, -1e30, 1e30, 1e30',
      context.targetSrid,
    ),
  };
}

/** The value of ST_Zmflag for geometries with M and without Z. */
const M = 1;
const ZM = 3;

/** The geometry before ST_Transform. */
function prepared(geometry: string, context: StepContext): string {
  const flat = context.surfaces ? polygonsOf(geometry) : geometry;
  const straight = context.curves ? `ST_CurveToLine(${flat})` : flat;
  return context.measures
    ? `case ST_Zmflag(${geometry}) when ${M} then ST_Force2D(${straight})
         when ${ZM} then ST_Force3DZ(${straight}) else ${straight} end`
    : straight;
}

function normalized(geometry: string, context: StepContext): string {
  return context.sourceSrid === context.targetSrid
    ? prepared(geometry, context)
    : format('ST_Transform(%s, %s)', prepared(geometry, context), context.targetSrid);
}

/** SQL: whether a geometry collection has a surface in it. */
export function hasNestedSurface(geometry: string): string {
  return `ST_Summary(${geometry}) ~* '\\m(tin|triangle|polyhedralsurface)\\M'`;
}

/**
 * SQL for the faces of a surface (TIN, triangle, polyhedral surface), which GeoParquet does not store, as one
 * multipolygon. The parts of a collection with a surface, and the faces, become one collection. Other geometries are
 * unchanged.
 */
function polygonsOf(geometry: string): string {
  return `case when GeometryType(${geometry}) in ('TIN', 'TRIANGLE', 'POLYHEDRALSURFACE')
      or (GeometryType(${geometry}) = 'GEOMETRYCOLLECTION' and ${hasNestedSurface(geometry)}) then
      (select ST_Multi(ST_Collect(
         case when GeometryType(face.geom) = 'TRIANGLE' then ST_MakePolygon(ST_ExteriorRing(face.geom))
         else face.geom end))
       from ST_Dump(${geometry}) as face)
    else ${geometry} end`;
}
