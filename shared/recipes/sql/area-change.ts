import format from 'pg-format';
import type { Note } from '#shared/contracts/facts.ts';
import type { StepContext, StepTables } from '../recipe-step.ts';
import { largeShapeChanges, SHAPE_COLUMNS } from './shape-change.ts';

/**
 * Compares the area of polygons before and after a transformation. Vertices are transformed exactly, and edges are
 * straight in both CRSs, so only large features can change noticeably.
 */

/** Areas are compared with this tolerance, because edges are not straight on the globe. */
const AREA_TOLERANCE = 0.01;
/** Smaller features are not compared. An edge of this length is at most some 100 m away from the other one. */
const LARGE_DEGREES = 1;
const LARGE_METERS = 100_000;
/** The largest features are compared, so that the comparison takes a small part of the time of a load. */
const COMPARED_FEATURES = 100;
const COMPARED_BYTES = 4 * 2 ** 20;
/** Vertices are added at this distance. */
const STEP_DEGREES = 1;
const STEP_METERS = 100_000;

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
begin
  center := ST_Transform(ST_Centroid(source), 4326);
  equal_area := format('+proj=laea +lat_0=%s +lon_0=%s +datum=WGS84 +units=m', ST_Y(center), ST_X(center));
  before := ST_Area(ST_Transform(ST_Segmentize(source, step), source_proj4, equal_area));
  after := ST_Area(case when target_proj4 is null
    then ST_Transform(ST_Segmentize(result, 0.5), '+proj=longlat +datum=WGS84 +no_defs +over',
      '+proj=cea +datum=WGS84 +units=m +over')
    else ST_Transform(ST_Segmentize(result, target_step), target_proj4, equal_area) end);
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
 * A query for `feature` and `change` of the largest polygons of the output. `source` is SQL for the geometry of
 * raw_data (alias `t`) before the transformation.
 */
export function largeAreaChanges({ input, output }: StepTables, source: string, context: StepContext): string {
  const { geometryColumn, keyColumn, targetSrid, units } = context;
  const unit = units.get(targetSrid);
  const extent = format('greatest(ST_XMax(%1$I) - ST_XMin(%1$I), ST_YMax(%1$I) - ST_YMin(%1$I))', geometryColumn);
  return format(
    `select large.feature, %1$s as change
     from (
       select %2$I as feature, %3$I as result, row_number() over by_size as position,
         sum(pg_column_size(%3$I)) over by_size as bytes
       from %4$I where %5$s > %6$L::float8 and ST_Dimension(%3$I) = 2
       window by_size as (order by %5$s desc, %2$I)) as large
     join %7$I as t on t.%2$I = large.feature
     where position <= ${COMPARED_FEATURES} and (position = 1 or bytes <= ${COMPARED_BYTES})`,
    areaChange(source, 'large.result', context),
    keyColumn,
    geometryColumn,
    output,
    extent,
    typeof unit === 'number' ? LARGE_METERS / unit : LARGE_DEGREES,
    input,
  );
}

/** The features whose area changed. `worst` is the one with the largest change. */
export interface AreaSummary {
  area_changed: number;
  worst: number | null;
  worst_change: number | null;
}

/** The columns of the AreaSummary, from rows with `feature` and `change`. */
export const AREA_COLUMNS = `
  (count(distinct feature) filter (where abs(change) > ${AREA_TOLERANCE}))::float8 as area_changed,
  (array_agg(feature::float8 order by abs(change) desc nulls last))[1] as worst,
  (array_agg(change order by abs(change) desc nulls last))[1] as worst_change`;

/** A query for the AreaSummary and the ShapeSummary of the largest features. */
export function summarizeAreas(tables: StepTables, source: string, context: StepContext): string {
  const areas = `select ${AREA_COLUMNS} from (${largeAreaChanges(tables, source, context)}) as changes`;
  const shapes = `select ${SHAPE_COLUMNS} from (${largeShapeChanges(tables, source, context)}) as changes`;
  return `select * from (${areas}) as areas, (${shapes}) as shapes`;
}

/** The note about the summary. */
export function areaNotes({ area_changed, worst, worst_change }: AreaSummary, features: number): Note[] {
  if (area_changed === 0 || worst === null || worst_change === null) return [];
  return [
    {
      code: 'AREA_CHANGED',
      message:
        `The transformation changed the area of ${area_changed} of ${features} features by more than ` +
        `${AREA_TOLERANCE * 100} %; that of feature ${worst} by ${(worst_change * 100).toFixed(1)} %.`,
    },
  ];
}
