import format from 'pg-format';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import type { StepContext, StepTables } from '../recipe-step.ts';
import { isComparable, SHAPE_COLUMNS } from './shape-change.ts';
import { PARTS_COMPARED, suspiciousFeatures } from './suspicious-features.ts';

/**
 * Compares the area of polygons before and after a transformation. Vertices are transformed exactly, and edges are
 * straight in both CRSs, so only features with long edges can change noticeably.
 */

/** Areas are compared with this tolerance, because edges are not straight on the globe. */
const AREA_TOLERANCE = 0.01;
/** An area takes more than a millisecond, because each polygon has its own projection. */
const COMPARED_POLYGONS = 200;
/** Vertices are added at this distance, or at a part of the extent of a smaller feature. */
const STEP_DEGREES = 1;
const STEP_METERS = 100_000;
const STEPS_OF_EXTENT = 20;

/**
 * `sluice_area_change`: the change of the area as a fraction, measured in an equal-area projection before and after;
 * null when it cannot be measured. `target_proj4` is null for a result in degrees, whose longitudes end at 180.
 */
export const AREA_FUNCTION = `
create or replace function sluice_area_change(source geometry, result geometry, source_proj4 text, step float8,
  target_proj4 text, target_step float8)
returns float8 language plpgsql stable as $f$
declare
  center geometry; equal_area text; before float8; after float8;
  part float8 := greatest(ST_XMax(source) - ST_XMin(source), ST_YMax(source) - ST_YMin(source)) / ${STEPS_OF_EXTENT};
  target_part float8 :=
    greatest(ST_XMax(result) - ST_XMin(result), ST_YMax(result) - ST_YMin(result)) / ${STEPS_OF_EXTENT};
begin
  center := ST_Transform(ST_Centroid(source), 4326);
  equal_area := format('+proj=laea +lat_0=%s +lon_0=%s +datum=WGS84 +units=m', ST_Y(center), ST_X(center));
  before := ST_Area(ST_Transform(ST_Segmentize(source, least(step, part)), source_proj4, equal_area));
  after := ST_Area(case when target_proj4 is null
    then ST_Transform(ST_Segmentize(result, least(0.5, target_part)), '+proj=longlat +datum=WGS84 +no_defs +over',
      '+proj=cea +datum=WGS84 +units=m +over')
    else ST_Transform(ST_Segmentize(result, least(target_step, target_part)), target_proj4, equal_area) end);
  return case when before > 0 and before < 'infinity' then after / before - 1 end;
exception when internal_error or data_exception then
  return null;
end $f$;
`;

/** SQL for the change of the area from `source` to `result`. */
export function areaChange(source: string, result: string, context: StepContext): string {
  const { sourceProj4, sourceUnit, targetProj4, targetSrid, units } = context;
  const targetUnit = units.get(targetSrid);
  const isInDegrees = targetUnit === 'degree';
  return format(
    'sluice_area_change(%s, %s, %L, %L::float8, %s, %L::float8)',
    source,
    result,
    sourceProj4,
    sourceUnit === 'degree' ? STEP_DEGREES : STEP_METERS / sourceUnit,
    isInDegrees ? 'null' : format('%L', targetProj4),
    typeof targetUnit === 'number' ? STEP_METERS / targetUnit : STEP_METERS,
  );
}

/**
 * Queries of the changes of suspicious features, as common table expressions: `area_changes` and `shape_changes`
 * with `feature`, `is_compared` and `change`. A polygon whose shape is the same has the same area. Edges between two
 * geographic CRSs keep their course, except for the difference of the datums.
 */
export function changesOf(tables: StepTables, source: string, context: StepContext): string {
  if (context.sourceUnit === 'degree' && context.units.get(context.targetSrid) === 'degree') return NO_CHANGES;
  return `suspects as materialized (${suspiciousFeatures(tables, source, context)}),
    comparable as materialized (
      select feature, dimension, source, result, position,
        case when is_compared then ${isComparable('parts')} else false end as is_compared
      from (select *, case when is_compared then ${PARTS_COMPARED('result')} end as parts from suspects offset 0)
        as extracted),
    shape_changes as materialized (
      select *, case when is_compared then sluice_shape_change(source, result) end as change from comparable),
    area_changes as materialized (
      select feature, is_measured as is_compared,
        case when is_measured then ${areaChange('source', 'result', context)} end as change
      from (
        select *, is_compared and row_number() over (order by position) <= ${COMPARED_POLYGONS} as is_measured
        from shape_changes
        where dimension = 2 and (not is_compared or coalesce(change, 1) > ${AREA_TOLERANCE / 2})) as polygons)`;
}

/** As changesOf, when nothing is compared. */
export const NO_CHANGES = `
  area_changes as (select null::bigint as feature, true as is_compared, null::float8 as change where false),
  shape_changes as (table area_changes)`;

/** The features whose area changed. `worst` is the one with the largest change. */
export interface AreaSummary {
  area_changed: number;
  /** Polygons that were not compared. Their shape changed, or was not compared. */
  area_unknown: number;
  worst: number | null;
  worst_change: number | null;
}

/** The columns of the AreaSummary, from rows with `feature`, `is_compared` and `change`. */
export const AREA_COLUMNS = `
  (count(*) filter (where not is_compared))::float8 as area_unknown,
  (count(distinct feature) filter (where abs(change) > ${AREA_TOLERANCE}))::float8 as area_changed,
  (array_agg(feature::float8 order by abs(change) desc nulls last))[1] as worst,
  (array_agg(change order by abs(change) desc nulls last))[1] as worst_change`;

/** A query for the AreaSummary and the ShapeSummary. `changes` are those of changesOf. */
export function summarizeAreas(changes: string): string {
  return `with ${changes},
    areas as (select ${AREA_COLUMNS} from area_changes), shapes as (select ${SHAPE_COLUMNS} from shape_changes)
    select * from areas, shapes`;
}

/** The notes about polygons whose area changed. */
export function areaNotes(summary: AreaSummary, features: number): Note[] {
  const { area_changed, area_unknown, worst, worst_change } = summary;
  if (area_changed === 0 || worst === null || worst_change === null) return [];
  return [
    {
      code: 'AREA_CHANGED',
      message:
        `The transformation changed the area of ${area_unknown > 0 ? 'at least ' : ''}${area_changed} of ${features} ` +
        'features by more than ' +
        `${AREA_TOLERANCE * 100} %; that of feature ${worst} by ${(worst_change * 100).toFixed(1)} %.`,
    },
  ];
}
