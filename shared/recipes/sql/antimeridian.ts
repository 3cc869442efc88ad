import format from 'pg-format';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import type { StepContext, StepTables } from '../recipe-step.ts';
import { AREA_COLUMNS, areaChange } from './area-change.ts';
import { SHAPE_COLUMNS } from './shape-change.ts';

/**
 * Finds the geometries that a transformation breaks: those that cross longitude 180, or hold a pole, in a geographic
 * CRS; those that cross the edge of the map in a projected one. Most queries read only the bounding box that PostGIS
 * stores with each geometry, so that data elsewhere costs nearly nothing.
 */

/** Longer edges can turn by more than half of the world. Edges are compared with this length in meters. */
const LONG_EDGE_METERS = 2_000_000;
const LONG_EDGE_DEGREES = 20;
/** Vertices are added to an edge at this distance, in meters, when it crosses longitude 180 or a pole. */
const STEP_METERS = 100_000;
const STEP_DEGREES = 1;
/** A jump from 179 to -179 has 358 degrees. An edge through a pole has 180. */
const MIN_JUMP_DEGREES = 179.9;
/** A map is larger than this, in meters. */
const MIN_MAP_METERS = 1_000_000;
/** Half of the width of a map of the world, in meters: a semi-major axis of at least 6,370 km times pi. */
const HALF_WORLD_METERS = 20_010_000;

/** Projections in which no edge turns by half of the world, unless it passes a pole. */
const REGIONAL = /\+proj=(utm|e?tmerc|lcc|aea|omerc|somerc|krovak|sterea|stere|cass|poly|nzmg)\b/;

/** Whether a transformation needs the statements for longitude 180. */
export function leadsToDegrees(context: StepContext): boolean {
  return context.units.get(context.targetSrid) === 'degree';
}

/** The length at which edges get vertices, in units of the source CRS. */
export function stepLength({ sourceUnit }: StepContext): number {
  return sourceUnit === 'degree' ? STEP_DEGREES : STEP_METERS / sourceUnit;
}

/**
 * SQL for the findings table: `feature` of each candidate, and `geometry`, which is null. `transformed` is the table
 * after ST_Transform, `source` is SQL for the geometry of raw_data (alias `t`) before it.
 */
export function findCandidates(
  { input, findings }: StepTables,
  transformed: string,
  source: string,
  context: StepContext,
): string {
  const candidates = [
    format('select %I as feature from %I where %s', context.keyColumn, transformed, isSuspect(context)),
    ...(context.sourceSrid === context.targetSrid ? [] : longEdges(input, source, context)),
  ];
  return format(
    'create unlogged table %I as select feature, null::geometry as geometry from (%s) as candidates',
    findings,
    candidates.join(' union '),
  );
}

/** SQL: the geometry has longitudes beyond 180, reaches a pole, or has an edge to the other side of the world. */
function isSuspect({ geometryColumn, sourceSrid, targetSrid }: StepContext): string {
  const isTransformed = sourceSrid !== targetSrid;
  const outside = format(
    'not (%1$I @ ST_MakeEnvelope(-180, %2$L, 180, %3$L, %4$L)) and not ST_IsEmpty(%1$I)',
    geometryColumn,
    isTransformed ? -89.999999 : -1000,
    isTransformed ? 89.999999 : 1000,
    targetSrid,
  );
  // Infinite coordinates, and those that are not degrees, are left to MakeValid.
  if (!isTransformed)
    return format('%s and %I @ ST_MakeEnvelope(-3600, -1e6, 3600, 1e6, %s)', outside, geometryColumn, targetSrid);
  return format(
    `%1$s or (%2$I && ST_MakeEnvelope(-1, -90, 1, 90, %3$L) and ST_XMax(%2$I) - ST_XMin(%2$I) > ${MIN_JUMP_DEGREES}
      and ST_NPoints(ST_Segmentize(%2$I, ${MIN_JUMP_DEGREES})) > ST_NPoints(%2$I))`,
    outside,
    geometryColumn,
    targetSrid,
  );
}

/**
 * Queries for features of raw_data with an edge that can turn by more than half of the world, which is not a jump after
 * the transformation. In the projection of a world map, such an edge crosses the middle of the map, or its side.
 */
function longEdges(input: string, source: string, context: StepContext): string[] {
  const { sourceUnit, sourceProj4, sourceSrid, geometryColumn, keyColumn } = context;
  if (REGIONAL.test(sourceProj4)) return [];
  const isGeographic = sourceUnit === 'degree';
  const perMeter = isGeographic ? 1 : 1 / sourceUnit;
  const middle = middleOf(sourceProj4) * perMeter;
  const half = isGeographic ? 180 : HALF_WORLD_METERS * perMeter;
  const limit = isGeographic ? LONG_EDGE_DEGREES : LONG_EDGE_METERS * perMeter;
  const strip = format(
    '%I && ST_MakeEnvelope(%L, -1e30, %L, 1e30, %L)',
    geometryColumn,
    middle - perMeter,
    middle + perMeter,
    sourceSrid,
  );
  const beyond = format(
    'not (%I @ ST_MakeEnvelope(%L, -1e30, %L, 1e30, %L))',
    geometryColumn,
    middle - half,
    middle + half,
    sourceSrid,
  );
  return [
    format(
      `select t.%1$I from (select * from %2$I where %3$s) as t
       where ST_NPoints(ST_Segmentize(%4$s, %5$L::float8)) > ST_NPoints(%4$s)`,
      keyColumn,
      input,
      isGeographic ? beyond : `${strip} or ${beyond}`,
      source,
      limit,
    ),
  ];
}

/** SQL for the findings table: the features that are so large in a projected CRS that the projection may tear them. */
export function findLarge({ output, findings }: StepTables, context: StepContext): string {
  const { geometryColumn, keyColumn, targetSrid, targetProj4, units } = context;
  const unit = units.get(targetSrid);
  const perMeter = typeof unit === 'number' ? 1 / unit : 1;
  const middle = middleOf(targetProj4) * perMeter;
  return format(
    `create unlogged table %1$I as select %2$I as feature, %3$I as plain from %4$I
     where %3$I && ST_MakeEnvelope(%5$L, -1e30, %6$L, 1e30, %7$L) and ST_Dimension(%3$I) > 0
       and greatest(ST_XMax(%3$I) - ST_XMin(%3$I), ST_YMax(%3$I) - ST_YMin(%3$I)) > %8$L::float8`,
    findings,
    keyColumn,
    geometryColumn,
    output,
    middle - perMeter,
    middle + perMeter,
    targetSrid,
    MIN_MAP_METERS * perMeter,
  );
}

/** A query for those of the findings that it tears. `source` is SQL for the geometry of raw_data (alias `t`). */
export function findTorn({ input, findings }: StepTables, source: string, { keyColumn }: StepContext): string {
  return format(
    `select feature, 'it crosses the edge of the map' as reason
     from %I as large join %I as t on t.%I = large.feature where sluice_is_torn(%s, plain)`,
    findings,
    input,
    keyColumn,
    source,
  );
}

/** The easting, in meters, of the middle of a map. */
function middleOf(proj4: string): number {
  return Number(/\+x_0=([\d.eE+-]+)/.exec(proj4)?.[1] ?? 0);
}

/** SQL that stores the geometries of the candidates that ST_Transform broke, in the findings table. */
export function splitCandidates(
  { input, findings }: StepTables,
  transformed: string,
  source: string,
  context: StepContext,
): string {
  return format(
    `update %I as found set geometry = split.geometry
     from (
       select t.%2$I as feature, %3$s as geometry
       from %1$I as candidate join %4$I as t on t.%2$I = candidate.feature
         join %5$I as plain on plain.%2$I = candidate.feature offset 0) as split
     where split.feature = found.feature and split.geometry is not null`,
    findings,
    context.keyColumn,
    splitSql(source, format('plain.%I', context.geometryColumn), context),
    input,
    transformed,
  );
}

/** SQL for the geometry in degrees; null when `plain`, the result of ST_Transform, is right. */
export function splitSql(source: string, plain: string, context: StepContext): string {
  const isTransformed = context.sourceSrid !== context.targetSrid;
  return format(
    'sluice_split(%s, %s, %s, %L::float8)',
    source,
    plain,
    isTransformed ? context.targetSrid : 'null',
    stepLength(context),
  );
}

/** SQL that writes the geometries of the findings to the output. */
export function writeSplit({ output, findings }: StepTables, { keyColumn, geometryColumn }: StepContext): string {
  return format(
    `update %I as t set %I = found.geometry from %I as found
     where found.feature = t.%I and found.geometry is not null`,
    output,
    geometryColumn,
    findings,
    keyColumn,
  );
}

/** What was done to the candidates. */
export interface SplitSummary {
  repaired_geometries: number;
  split_geometries: number;
  with_pole: number;
  shifted: number;
}

/** A query for the SplitSummary, the AreaSummary and the ShapeSummary. `changes` are those of changesOf. */
export function summarizeSplit(tables: StepTables, source: string, context: StepContext, changes: string): string {
  const isTransformed = context.sourceSrid !== context.targetSrid;
  return format(
    `with found as materialized (
       select found.feature, ST_XMax(geometry) - ST_XMin(geometry) > 359.999 as both_sides,
         %1$L and greatest(ST_YMax(geometry), -ST_YMin(geometry)) >= 90 and ST_Dimension(geometry) = 2 as pole,
         not ST_IsValid(%2$s) as repaired, case when %1$L and ST_Dimension(geometry) = 2 then %3$s end as change
       from %4$I as found join %5$I as t on t.%6$I = found.feature where geometry is not null),
     %7$s,
     areas as (
       select ${AREA_COLUMNS}
       from (select feature, true as is_compared, change from found union all table area_changes) as changes),
     shapes as (select ${SHAPE_COLUMNS} from shape_changes)
     select (count(*) filter (where repaired))::float8 as repaired_geometries,
       (count(*) filter (where both_sides or pole))::float8 as split_geometries,
       (count(*) filter (where pole))::float8 as with_pole,
       (count(*) filter (where not both_sides and not pole))::float8 as shifted,
       (select area_changed from areas), (select area_unknown from areas), (select worst from areas),
       (select worst_change from areas),
       (select shape_changed from shapes), (select shape_unknown from shapes), (select worst_shape from shapes),
       (select worst_shape_change from shapes)
     from found`,
    isTransformed,
    source,
    areaChange(source, 'found.geometry', context),
    tables.findings,
    tables.input,
    context.keyColumn,
    changes,
  );
}

/** The notes about divided and shifted geometries. */
export function splitNotes(summary: SplitSummary, features: number): Note[] {
  const { split_geometries: split, with_pole, shifted } = summary;
  const pole =
    with_pole === 0
      ? ''
      : with_pole === 1
        ? ' One of them reaches a pole; its border follows longitudes -180 and 180 to latitude 90 or -90.'
        : ` ${with_pole} of them reach a pole; their borders follow longitudes -180 and 180 to latitude 90 or -90.`;
  return [
    ...(split === 0
      ? []
      : [
          {
            code: 'GEOMETRIES_SPLIT',
            message:
              `Divided ${split} of ${features} features at longitude 180, because they cross it or reach a pole.` +
              pole,
          },
        ]),
    ...(shifted === 0
      ? []
      : [
          {
            code: 'LONGITUDES_SHIFTED',
            message:
              `Shifted the longitudes of ${shifted} of ${features} features by 360 degrees, ` +
              'to the range -180 to 180.',
          },
        ]),
  ];
}
