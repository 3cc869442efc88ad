import format from 'pg-format';
import type { FeatureCheck, StepContext, StepTables } from '../recipe-step.ts';
import { columnSql, geometryOf } from './select.ts';

/**
 * Finds geometries that cannot be checked or repaired in reasonable time. The time and memory of ST_MakeValid grow with
 * the square of the crossings, of the repeated segments and of the nested rings, and GEOS does not react to a cancel
 * request for most of it. At each of these limits, GEOS 3.11 needs 10 to 100 s, depending on the shape.
 */

/** Pairs of lines of one geometry that cross. */
export const MAX_CROSSINGS = 10_000;
/** Vertices of a geometry whose segments cannot cross more than MAX_CROSSINGS times: n (n - 3) / 2. */
export const MAX_SMALL_VERTICES = 140;
/** Segments of one geometry that are equal to an earlier one, as those between adjacent parts of a multipolygon. */
export const MAX_REPEATED_SEGMENTS = 30_000;
/** Pairs of rings of one geometry of which one lies in the extent of the other. */
export const MAX_NESTED_RINGS = 1_000_000;

/** Segments, or rings, of a geometry that are compared with all others. */
const SAMPLE_SIZE = 32;
/** Of a geometry with more segments, only this number is used to find crossings. */
const COMPARED_SEGMENTS = 10_000;
/** Fewer crossings of the sample are not sufficient for an estimate. */
const MIN_SAMPLED_CROSSINGS = 16;
/** The same on average for each ring of a group. With less, the time is proportional to the size of the group. */
const MAX_GROUP_DEPTH = 10;
/** Fewer rings cannot be nested in more than MAX_NESTED_RINGS pairs. */
export const MIN_RINGS = 1_000;
/**
 * A geometry with MIN_RINGS rings has 84 KB, and is stored with at least this size when PostgreSQL compresses it. The
 * size is read faster than the geometry.
 */
const MIN_STORED_BYTES = 500;
/** Two segments (a, b) cross: their boxes overlap, and each has its ends on both sides of the other one. */
const CROSS = `greatest(b.x1, b.x2) > least(a.x1, a.x2) and least(b.x1, b.x2) < greatest(a.x1, a.x2)
  and greatest(b.y1, b.y2) > least(a.y1, a.y2) and least(b.y1, b.y2) < greatest(a.y1, a.y2)
  and sign((a.x2 - a.x1) * (b.y1 - a.y1) - (a.y2 - a.y1) * (b.x1 - a.x1))
    * sign((a.x2 - a.x1) * (b.y2 - a.y1) - (a.y2 - a.y1) * (b.x2 - a.x1)) < 0
  and sign((b.x2 - b.x1) * (a.y1 - b.y1) - (b.y2 - b.y1) * (a.x1 - b.x1))
    * sign((b.x2 - b.x1) * (a.y2 - b.y1) - (b.y2 - b.y1) * (a.x2 - b.x1)) < 0`;

/**
 * SQL for the number of pairs of nested rings, estimated from a sample. The time is proportional to the number of
 * rings. Geometries with at most MIN_RINGS rings do not need it.
 */
export const nestedPairs = (geometry: string) => `(
  with rings as materialized (
    select row_number() over () as n, count(*) over () as total, ring.geom as ring
    from ST_Dump(${geometry}) as part, ST_DumpRings(part.geom) as ring
    where GeometryType(part.geom) = 'POLYGON'),
  samples as materialized (
    select *, count(*) over () as sampled from rings where n % greatest(1, total / ${SAMPLE_SIZE}) = 0)
  select count(*)::float8 * max(a.total) / max(a.sampled)
  from samples as a join rings as b on a.n <> b.n and b.ring ~ a.ring)`;

/**
 * A query for `feature` and `reason` of the geometries of the input with more nested rings than MAX_NESTED_RINGS. They
 * are found before ST_IsValid is called, which needs minutes for them.
 */
export function findNested({ input }: StepTables, context: StepContext): string {
  const large = format(
    `select %1$I as feature, %2$s as pairs from %3$I as t
     where pg_column_size(%4$s) > ${MIN_STORED_BYTES} and ST_NRings(%4$s) > ${MIN_RINGS}`,
    context.keyColumn,
    nestedPairs(geometryOf(context)),
    input,
    geometryOf(context),
  );
  return `select feature,
      format('its rings are nested in about %s pairs; the limit is ${MAX_NESTED_RINGS}', round(pairs)) as reason
    from (${large} offset 0) as large where pairs > ${MAX_NESTED_RINGS}`;
}

/**
 * A query for `feature` (the first one) and `reason` of the groups whose geometries have more nested rings together. A
 * group of a million features that touch or overlap can have more than MAX_NESTED_RINGS pairs, but few for each ring.
 */
export function findNestedGroups(input: string, groupBy: string, context: StepContext): string {
  const geometry = geometryOf(context);
  const groups = format(
    `select min(%s) as feature, ST_Collect(%s) as geometry, sum(ST_NRings(%s)) as rings from %I as t
     group by %s having sum(ST_NRings(%s)) > ${MIN_RINGS}`,
    columnSql(context.keyColumn),
    geometry,
    geometry,
    input,
    groupBy,
    geometry,
  );
  return `select feature, format('the rings of its group are nested in about %s pairs; the limit is %s',
      round(pairs), max_pairs) as reason
    from (
      select feature, greatest(${MAX_NESTED_RINGS}, ${MAX_GROUP_DEPTH} * rings) as max_pairs,
        ${nestedPairs('geometry')} as pairs
      from (${groups} offset 0) as groups offset 0) as large
    where pairs > max_pairs`;
}

/** SQL for the crossings of a geometry with itself (`found` in the sample; `crossings`, estimated), from `vertices`. */
const SELF_CROSSINGS = `
  with points as (
    select i, ST_X(geom) as x1, ST_Y(geom) as y1, path[cardinality(path)] as position,
      lead(geom) over following as next, lead(path[cardinality(path)]) over following as next_position
    from ST_DumpPoints(geometry) with ordinality as point (path, geom, i)
    where i % greatest(1, vertices / ${COMPARED_SEGMENTS}) in (0, 1)
    window following as (order by i)),
  segments as materialized (
    select i, x1, y1, ST_X(next) as x2, ST_Y(next) as y2, row_number() over (order by i) as n, count(*) over () as total
    from points where next_position = position + 1),
  samples as materialized (
    select *, count(*) over () as sampled from segments where n % greatest(1, total / ${SAMPLE_SIZE}) = 0)
  select count(*) as found,
    count(*) * (vertices::float8 / max(a.sampled)) * (vertices::float8 / max(a.total)) / 2 as crossings
  from samples as a join segments as b on a.i <> b.i and ${CROSS}`;

/**
 * A query for `feature` and `reason` of the geometries without a repair in the findings table that cross themselves
 * more than MAX_CROSSINGS times, estimated from a sample of segments. Each geometry is examined separately (lateral),
 * so that the memory is that of one geometry.
 */
export function findEntangled(tables: StepTables, context: StepContext): string {
  return `select feature,
      format('its lines cross about %s times; the limit is ${MAX_CROSSINGS}', round(crossings)) as reason
    from (${largeFindings(tables, context, MAX_SMALL_VERTICES)}) as large, lateral (${SELF_CROSSINGS}) as estimate
    where found >= ${MIN_SAMPLED_CROSSINGS} and crossings > ${MAX_CROSSINGS}`;
}

/** SQL for the number of segments of a geometry that are equal to an earlier one. */
const REPEATED_SEGMENTS = `
  with points as (
    select ST_X(geom) as x1, ST_Y(geom) as y1, path[cardinality(path)] as position,
      lead(ST_X(geom)) over following as x2, lead(ST_Y(geom)) over following as y2,
      lead(path[cardinality(path)]) over following as next_position
    from ST_DumpPoints(geometry) with ordinality as point (path, geom, i)
    window following as (order by i)),
  directed as (
    select *, (x1, y1) <= (x2, y2) as forward from points where next_position = position + 1),
  counted as (
    select count(*) as same from directed
    group by case when forward then x1 else x2 end, case when forward then y1 else y2 end,
      case when forward then x2 else x1 end, case when forward then y2 else y1 end
    having count(*) > 1)
  select sum(same - 1) as repeated from counted`;

/** The same for more repeated segments than MAX_REPEATED_SEGMENTS. */
export function findRepeated(tables: StepTables, context: StepContext): string {
  return `select feature,
      format('%s of its segments are equal to others; the limit is ${MAX_REPEATED_SEGMENTS}', repeated) as reason
    from (${largeFindings(tables, context, MAX_REPEATED_SEGMENTS)}) as large, lateral (${REPEATED_SEGMENTS}) as found
    where repeated > ${MAX_REPEATED_SEGMENTS}`;
}

/** The geometries without a repair that have more vertices than this. */
function largeFindings({ input, findings }: StepTables, context: StepContext, vertices: number): string {
  return format(
    `select feature, geometry, vertices from (
       select f.feature, t.%1$I as geometry, ST_NPoints(t.%1$I) as vertices
       from %2$I as f join %3$I as t on t.%4$I = f.feature
       where f.geometry is null offset 0) as counted
     where vertices > %5$s`,
    context.geometryColumn,
    findings,
    input,
    context.keyColumn,
    vertices,
  );
}

/** The check of one of these queries. `predicate` is what cannot be done. */
export function tooComplex(predicate: string, sql: string): FeatureCheck {
  return { code: 'GEOMETRY_TOO_COMPLEX', predicate, sql };
}
