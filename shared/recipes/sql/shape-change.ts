import format from 'pg-format';
import type { Note } from '#shared/contracts/facts.ts';
import type { StepContext, StepTables } from '../recipe-step.ts';

/**
 * Compares the edges of large features before and after a transformation. A transformation moves the vertices only, and
 * edges are straight in both CRSs, so a long edge takes another course on the globe. The area can stay the same: one
 * side of a polygon gains what the other side loses.
 */

/** Part of the area that a polygon may cover elsewhere, and part of its length by which a line may deviate. */
const SHAPE_TOLERANCE = 0.01;
/** Smaller features are not compared. */
const LARGE_DEGREES = 0.5;
const LARGE_METERS = 50_000;
/**
 * Features without a longer edge are not compared: in the middle of such an edge, the courses differ by 50 m at
 * latitude 45. Near a pole, all edges are compared.
 */
const LONG_EDGE_DEGREES = 0.5;
const LONG_EDGE_METERS = 50_000;
const NEAR_POLE_DEGREES = 80;
/** Features whose extent has more such edges are compared without the search for one, which would need much memory. */
const LONG_EXTENT_EDGES = 20;
/** The largest features are compared, so that the comparison takes a small part of the time of a load. */
const COMPARED_FEATURES = 1000;
const COMPARED_BYTES = 4 * 2 ** 20;

/** SQL: a point in degrees as a vector from the center of the globe, whose radius is 1. */
const VECTOR = (point: string) => {
  const [x, y] = [`ST_X(${point})`, `ST_Y(${point})`];
  return `array[cosd(${y}) * cosd(${x}), cosd(${y}) * sind(${x}), sind(${y})]`;
};

/** SQL: the dot product of two vectors. */
const DOT = (a: string, b: string) => `(${[1, 2, 3].map((n) => `${a}[${n}] * ${b}[${n}]`).join(' + ')})`;
/** SQL: a vector plus a multiple of another one. */
const ADD = (a: string, factor: string, b: string) =>
  `array[${[1, 2, 3].map((n) => `${a}[${n}] + (${factor}) * ${b}[${n}]`).join(', ')}]`;
/** SQL: the double of the area between two vectors, with its direction. */
const CROSS = (a: string, b: string) =>
  `array[${[
    [2, 3],
    [3, 1],
    [1, 2],
  ]
    .map(([n, m]) => `${a}[${n}] * ${b}[${m}] - ${a}[${m}] * ${b}[${n}]`)
    .join(', ')}]`;

/**
 * `sluice_shape_change`: the part of the area of a polygon that is covered on one side only, before or after the
 * transformation; of a line, its largest deviation in relation to its length. Each course is taken for a parabola
 * through its middle, so the area between two courses is two thirds of the chord between their ends times the
 * deviation. Infinite when a middle cannot be transformed; null for a geometry that was divided. The parts of the query
 * are materialized, because PostgreSQL would otherwise compute each vector once for each use of a component.
 */
export const SHAPE_FUNCTION = `
create or replace function sluice_shape_change(source geometry, result geometry) returns float8
language plpgsql stable as $f$
declare
  change float8;
begin
  if ST_NPoints(source) <> ST_NPoints(result) then return null; end if;
  with points as (
    select n, path[:cardinality(path) - 1] as ring, path[cardinality(path)] as place, before, after,
      lead(path[cardinality(path)]) over by_n as next_place, lead(before) over by_n as next_before,
      lead(after) over by_n as next_after
    from rows from (ST_DumpPoints(source), ST_DumpPoints(result)) with ordinality
      as t (source_path, before, path, after, n)
    window by_n as (order by n)),
  middles as (
    select ring, after, next_after,
      ST_Transform(ST_SetSRID(ST_MakePoint((ST_X(before) + ST_X(next_before)) / 2,
        (ST_Y(before) + ST_Y(next_before)) / 2), ST_SRID(source)), 4326) as was,
      ST_SetSRID(ST_MakePoint((ST_X(after) + ST_X(next_after)) / 2,
        (ST_Y(after) + ST_Y(next_after)) / 2), ST_SRID(result)) as is_now
    from points where next_place = place + 1),
  degrees as materialized (
    select ring, was, case when ST_SRID(result) = 4326 then is_now else ST_Transform(is_now, 4326) end as is_now,
      case when ST_SRID(result) = 4326 then after else ST_Transform(after, 4326) end as a,
      case when ST_SRID(result) = 4326 then next_after else ST_Transform(next_after, 4326) end as b
    from middles),
  vectors as materialized (
    select ring, ${VECTOR('was')} as was, ${VECTOR('is_now')} as is_now, ${VECTOR('a')} as a, ${VECTOR('b')} as b
    from degrees),
  chords as materialized (
    select ring, ${CROSS('a', 'b')} as sector, ${ADD('b', '-1', 'a')} as chord, ${ADD('was', '-1', 'a')} as was,
      ${ADD('is_now', '-1', 'a')} as is_now
    from vectors),
  shares as materialized (
    select *, ${DOT('chord', 'chord')} as square, ${DOT('was', 'chord')} / nullif(${DOT('chord', 'chord')}, 0) as u,
      ${DOT('is_now', 'chord')} / nullif(${DOT('chord', 'chord')}, 0) as v
    from chords),
  bends as materialized (
    select ring, sector, square, ${ADD('was', '-u', 'chord')} as was, ${ADD('is_now', '-v', 'chord')} as is_now,
      4 * greatest(u * (1 - u), 0.05) as was_at, 4 * greatest(v * (1 - v), 0.05) as is_at
    from shares where square > 0),
  edges as (
    select ring, sector, sqrt(square) as length,
      sqrt(power(was[1] / was_at - is_now[1] / is_at, 2) + power(was[2] / was_at - is_now[2] / is_at, 2)
        + power(was[3] / was_at - is_now[3] / is_at, 2)) as deviation
    from bends),
  rings as (
    select ring, sum(length) as length, max(deviation) as deviation, sum(length * deviation) * 2 / 3 as between_courses,
      sqrt(power(sum(sector[1]), 2) + power(sum(sector[2]), 2) + power(sum(sector[3]), 2)) / 2
        * case when ring[cardinality(ring)] = 1 then 1 else -1 end as area
    from edges group by ring)
  select case when ST_Dimension(result) = 2 then sum(between_courses) / nullif(greatest(sum(area), 0), 0)
      else max(deviation) / nullif(sum(length), 0) end
    into change from rings;
  return change;
exception when internal_error or data_exception then
  return 'infinity';
end $f$;
`;

/**
 * A query for `feature` and `change` of the largest features of the output with long edges. `source` is SQL for the
 * geometry of raw_data (alias `t`) before the transformation.
 */
export function largeShapeChanges({ input, output }: StepTables, source: string, context: StepContext): string {
  const { geometryColumn, keyColumn, targetSrid, units, sourceUnit } = context;
  const unit = units.get(targetSrid);
  const isInDegrees = typeof unit !== 'number';
  const extent = format('greatest(ST_XMax(%1$I) - ST_XMin(%1$I), ST_YMax(%1$I) - ST_YMin(%1$I))', geometryColumn);
  const polar = isInDegrees ? `greatest(ST_YMax(large.result), -ST_YMin(large.result)) > ${NEAR_POLE_DEGREES} or ` : '';
  return format(
    `select feature, sluice_shape_change(source, result) as change
     from (
       select large.feature, large.result, %1$s as source
       from (
         select %2$I as feature, %3$I as result, row_number() over by_size as position,
           sum(pg_column_size(%3$I)) over by_size as bytes
         from %4$I where %5$s > %6$L::float8 and ST_Dimension(%3$I) > 0
         window by_size as (order by %5$s desc, %2$I)) as large
       join %7$I as t on t.%2$I = large.feature
       where position <= ${COMPARED_FEATURES} and (position = 1 or bytes <= ${COMPARED_BYTES}) offset 0) as large
     where %8$scase when %10$s > ${LONG_EXTENT_EDGES} * %9$L::float8 then true
       else ST_NPoints(ST_Segmentize(source, %9$L::float8)) > ST_NPoints(source) end`,
    source,
    keyColumn,
    geometryColumn,
    output,
    extent,
    isInDegrees ? LARGE_DEGREES : LARGE_METERS / unit,
    input,
    polar,
    sourceUnit === 'degree' ? LONG_EDGE_DEGREES : LONG_EDGE_METERS / sourceUnit,
    'greatest(ST_XMax(source) - ST_XMin(source), ST_YMax(source) - ST_YMin(source))',
  );
}

/** The features whose shape changed. `worst_shape` is the one with the largest change. */
export interface ShapeSummary {
  shape_changed: number;
  worst_shape: number | null;
  worst_shape_change: number | null;
}

/** The columns of the ShapeSummary, from rows with `feature` and `change`. */
export const SHAPE_COLUMNS = `
  (count(*) filter (where change > ${SHAPE_TOLERANCE}))::float8 as shape_changed,
  (array_agg(feature::float8 order by change desc nulls last))[1] as worst_shape,
  (array_agg(least(change, 1) order by change desc nulls last))[1] as worst_shape_change`;

/** The note about the summary. */
export function shapeNotes(summary: ShapeSummary, features: number): Note[] {
  const { shape_changed: count, worst_shape: worst, worst_shape_change: change } = summary;
  if (count === 0 || worst === null || change === null) return [];
  const percent = change >= 1 ? 'by 100 % or more' : `by ${(change * 100).toFixed(1)} %`;
  return [
    {
      code: 'SHAPE_CHANGED',
      message:
        `The transformation moved long edges of ${count} of ${features} features, which cover other places by more ` +
        `than ${SHAPE_TOLERANCE * 100} % of their area or length; feature ${worst} ${percent}. ` +
        'To keep their course, add vertices to long edges before the upload.',
    },
  ];
}
