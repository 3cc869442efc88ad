import type { Note } from '#shared/contracts/shared-schemas.ts';
import { MAX_NESTED_RINGS, MAX_SMALL_VERTICES, MIN_RINGS, nestedPairs } from './complex-geometries.ts';
import { EARTH_RADIUS_METERS, PARTS_COMPARED, SHAPE_TOLERANCE } from './suspicious-features.ts';

/**
 * Compares the edges of features before and after a transformation. A transformation moves the vertices only, and
 * edges are straight in both CRSs, so a long edge follows another course on the globe. The area can stay the same: one
 * side of a polygon gains what the other side loses.
 */

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
 * transformation; of a line, its largest deviation in relation to its length. Each course is treated as a parabola
 * through its middle, so the area between two courses is two thirds of the chord between their ends times the
 * deviation. Infinite when a middle cannot be transformed; null for a geometry that was divided. The signed area of an
 * invalid polygon can be 0, so its area is that of the repaired one; isComparable excludes large invalid polygons. The
 * parts of the query are materialized, because PostgreSQL would otherwise compute each vector once for each use of a
 * component.
 */
export const SHAPE_FUNCTION = `
create or replace function sluice_shape_change(source geometry, result geometry) returns float8
language plpgsql stable as $f$
declare
  change float8; repaired_area float8;
begin
  source := ${PARTS_COMPARED('source')};
  result := ${PARTS_COMPARED('result')};
  if ST_NPoints(source) <> ST_NPoints(result) then return null; end if;
  if ST_Dimension(result) = 2 and ST_NPoints(result) <= ${MAX_SMALL_VERTICES} and not ST_IsValid(result) then
    repaired_area := ST_Area(ST_Transform(ST_CollectionExtract(ST_MakeValid(result), 3), 4326)::geography)
      / ${EARTH_RADIUS_METERS ** 2};
  end if;
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
  select case when ST_Dimension(result) = 2 then sum(between_courses)
        / nullif(coalesce(repaired_area, greatest(sum(area), 0)), 0)
      else max(deviation) / nullif(sum(length), 0) end
    into change from rings;
  return change;
exception when internal_error or data_exception then
  return 'infinity';
end $f$;
`;

/**
 * SQL: whether the PARTS_COMPARED of a geometry need no repair that could take minutes. GEOS does not react to a cancel
 * request during such a repair, nor during the check of many nested rings.
 */
export const isComparable = (parts: string) => `case
  when ST_Dimension(${parts}) < 2 or ST_NPoints(${parts}) <= ${MAX_SMALL_VERTICES} then true
  when ST_NRings(${parts}) <= ${MIN_RINGS} then ST_IsValid(${parts})
  when ${nestedPairs(parts)} > ${MAX_NESTED_RINGS} then false
  else ST_IsValid(${parts}) end`;

/**
 * The features whose shape changed, and those that were not compared. `worst_shape` is the one with the largest change.
 */
export interface ShapeSummary {
  shape_changed: number;
  shape_unknown: number;
  worst_shape: number | null;
  worst_shape_change: number | null;
}

/** The columns of the ShapeSummary, from rows with `feature`, `is_compared` and `change`. */
export const SHAPE_COLUMNS = `
  (count(*) filter (where not is_compared))::float8 as shape_unknown,
  (count(*) filter (where change > ${SHAPE_TOLERANCE}))::float8 as shape_changed,
  (array_agg(feature::float8 order by change desc nulls last))[1] as worst_shape,
  (array_agg(least(change, 1) order by change desc nulls last))[1] as worst_shape_change`;

/** The notes about features whose shape changed. */
export function shapeNotes(summary: ShapeSummary, features: number): Note[] {
  const { shape_changed: count, shape_unknown: unknown, worst_shape: worst, worst_shape_change: change } = summary;
  const rest = unknown === 0 ? '' : `${unknown} other features with long edges were not compared. `;
  const percent = (change ?? 0) >= 1 ? '100 % or more' : `${((change ?? 0) * 100).toFixed(1)} %`;
  const changed =
    count === 0
      ? ''
      : `The transformation moved long edges of ${count} of ${features} features. More than ` +
        `${SHAPE_TOLERANCE * 100} % of their area or length is at another place; for feature ${worst}, ${percent}. `;
  if (changed + rest === '') return [];
  const advice = 'To keep their course, add vertices to long edges before the upload.';
  return [{ code: 'SHAPE_CHANGED', message: changed + rest + advice }];
}

/** The note after a failure of the comparison. `reason` is a part of a sentence. */
export function notCompared(features: number, reason: string): Note {
  return {
    code: 'SHAPES_NOT_COMPARED',
    message:
      `The shapes and areas of ${features} features were not compared before and after the transformation: ` +
      `${reason}. The features are transformed.`,
  };
}
