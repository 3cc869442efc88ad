import format from 'pg-format';
import type { FeatureCheck, RecipeStep, StepContext, StepTables } from '../recipe-step.ts';
import { createTableAs, geometryOf } from '../sql/select.ts';

/**
 * Repairs invalid geometries. One parallel scan finds them, and repairs those with few vertices; they are stored in the
 * findings table. The others are repaired while the output is written, after a check that none of them crosses itself
 * too often. When all geometries are valid, no table is written. Of a repair that results in several kinds of geometry,
 * the parts with the original dimension are kept. A repair without such parts (a polygon without area) is kept as it
 * is, so that no feature is lost.
 */
export const makeValid: RecipeStep = {
  name: 'MakeValid',
  createsTable: true,
  plan: (tables, context) => [
    {
      sql: findInvalid(tables, context),
      stopWhenEmpty: true,
      counts: 'repaired_geometries',
      checks: [
        {
          code: 'GEOMETRY_INVALID',
          predicate: 'has a coordinate that is infinite or not a number',
          sql: format(`select feature, reason from %I where reason like 'Invalid Coordinate%%'`, tables.findings),
        },
        {
          code: 'GEOMETRY_TOO_COMPLEX',
          predicate: 'cannot be repaired',
          sql: `select feature,
                  format('its lines cross about %s times; the limit is ${MAX_CROSSINGS}', round(crossings)) as reason
                from (${findEntangled(tables, context)}) as entangled`,
        },
      ],
    },
    { sql: writeRepaired(tables, context), checks: [findUnrepaired(tables, context)] },
  ],
  expression: (context) => `ST_MakeValid(${geometryOf(context)})`,
  failure: { code: 'GEOMETRY_INVALID', predicate: 'cannot be repaired' },
};

/** SQL for the findings: feature and reason of each invalid geometry, and its repair if it has few vertices. */
function findInvalid({ input, findings }: StepTables, context: StepContext): string {
  const geometry = geometryOf(context);
  const invalid = format(
    `select t.%I as feature, %s as original,
       case when ST_NPoints(%s) <= ${MAX_SMALL_VERTICES} then ST_MakeValid(%s) end as valid
     from %I as t where not ST_IsValid(%s) offset 0`,
    context.keyColumn,
    geometry,
    geometry,
    geometry,
    input,
    geometry,
  );
  return format(
    `create unlogged table %I as
     select feature, ST_IsValidReason(original) as reason, %s as geometry from (%s) as parts`,
    findings,
    KEPT_PARTS,
    extracted(invalid),
  );
}

/** SQL that writes the output with the repairs of the findings, and repairs the geometries that have none there. */
function writeRepaired({ input, output, findings }: StepTables, context: StepContext): string {
  const geometry = geometryOf(context);
  const repair = `select ${geometry} as original, ST_MakeValid(${geometry}) as valid
    where repair.feature is not null and repair.geometry is null offset 0`;
  const source = format(
    `%I as t left join %I as repair on repair.feature = t.%I
     left join lateral (select %s as geometry from (%s) as parts) as large on true`,
    input,
    findings,
    context.keyColumn,
    KEPT_PARTS,
    extracted(repair),
  );
  const repaired = `case when repair.feature is null then ${geometry}
    else coalesce(repair.geometry, large.geometry) end`;
  return createTableAs(output, source, repaired, context);
}

/** ST_MakeValid returns null when GEOS fails, which happens when GEOS cannot allocate memory. */
function findUnrepaired({ output, findings }: StepTables, context: StepContext): FeatureCheck {
  return {
    code: 'GEOMETRY_TOO_COMPLEX',
    predicate: 'cannot be repaired',
    sql: format(
      `select f.feature, 'GEOS failed, probably because it needed more memory than PostgreSQL may use' as reason
       from %I as f join %I as t on t.%I = f.feature where f.geometry is null and t.%I is null`,
      findings,
      output,
      context.keyColumn,
      context.geometryColumn,
    ),
  };
}

/**
 * Adds the parts of the original dimension to a query for `original` and `valid`. `offset 0` prevents the planner from
 * computing a repair once for each reference.
 */
function extracted(repairs: string): string {
  return `select *, ST_CollectionExtract(valid, ST_Dimension(original) + 1) as extracted
    from (${repairs}) as repairs offset 0`;
}

/**
 * A multi type stays multi. ST_MakeValid returns a single type for a multi geometry with one remaining part, and the
 * reverse.
 */
const KEPT_PARTS = `case
  when GeometryType(original) = 'GEOMETRYCOLLECTION' then valid
  when GeometryType(original) like 'MULTI%' then ST_Multi(case when ST_IsEmpty(extracted) then valid else extracted end)
  when ST_IsEmpty(extracted) then valid
  when ST_NumGeometries(extracted) = 1 then ST_GeometryN(extracted, 1)
  else extracted end`;

/**
 * Invalid geometries with more crossings of their boundary are not repaired. The time of ST_MakeValid grows with the
 * square of the crossings, and GEOS does not react to a cancel request for most of it. GEOS 3.11 needs 25 to 100 s for
 * this number, depending on the shape.
 */
export const MAX_CROSSINGS = 10_000;
/** Vertices of a geometry whose segments cannot cross more than MAX_CROSSINGS times: n (n - 3) / 2. */
export const MAX_SMALL_VERTICES = 140;

/** Segments of a geometry that are compared with all others. */
const SAMPLED_SEGMENTS = 32;
/** Of a geometry with more segments, only this number is used. */
const COMPARED_SEGMENTS = 10_000;
/** Fewer crossings of the sample are not sufficient for an estimate. */
const MIN_SAMPLED_CROSSINGS = 16;
/** Geometries that are checked, those with most vertices first. */
const MAX_CHECKED = 500;

/** Two segments (a, b) cross: their boxes overlap, and each has its ends on both sides of the other one. */
const CROSS = `greatest(b.x1, b.x2) > least(a.x1, a.x2) and least(b.x1, b.x2) < greatest(a.x1, a.x2)
  and greatest(b.y1, b.y2) > least(a.y1, a.y2) and least(b.y1, b.y2) < greatest(a.y1, a.y2)
  and sign((a.x2 - a.x1) * (b.y1 - a.y1) - (a.y2 - a.y1) * (b.x1 - a.x1))
    * sign((a.x2 - a.x1) * (b.y2 - a.y1) - (a.y2 - a.y1) * (b.x2 - a.x1)) < 0
  and sign((b.x2 - b.x1) * (a.y1 - b.y1) - (b.y2 - b.y1) * (a.x1 - b.x1))
    * sign((b.x2 - b.x1) * (a.y2 - b.y1) - (b.y2 - b.y1) * (a.x2 - b.x1)) < 0`;

/**
 * A query for the `feature` and `crossings` of the geometries without a repair in the findings table that cross
 * themselves more than MAX_CROSSINGS times. The number is estimated from a sample of segments, so that the time is
 * proportional to the number of vertices.
 */
export function findEntangled({ input, findings }: StepTables, context: StepContext): string {
  const large = format(
    `select f.feature, t.%1$I as geometry, ST_NPoints(t.%1$I) as vertices
     from %2$I as f join %3$I as t on t.%4$I = f.feature
     where f.geometry is null order by vertices desc limit ${MAX_CHECKED}`,
    context.geometryColumn,
    findings,
    input,
    context.keyColumn,
  );
  return `with large as materialized (${large}),
    points as (
      select feature, vertices, i, ST_X(geom) as x1, ST_Y(geom) as y1, path[cardinality(path)] as position,
        lead(geom) over following as next, lead(path[cardinality(path)]) over following as next_position
      from large, ST_DumpPoints(geometry) with ordinality as point (path, geom, i)
      where i % greatest(1, vertices / ${COMPARED_SEGMENTS}) in (0, 1)
      window following as (partition by feature order by i)),
    segments as materialized (
      select feature, vertices, i, x1, y1, ST_X(next) as x2, ST_Y(next) as y2,
        row_number() over (partition by feature order by i) as n, count(*) over (partition by feature) as total
      from points where next_position = position + 1),
    samples as materialized (
      select *, count(*) over (partition by feature) as sampled
      from segments where n % greatest(1, total / ${SAMPLED_SEGMENTS}) = 0),
    estimates as (
      select a.feature, count(*) as found,
        count(*) * (max(a.vertices)::float8 / max(a.sampled)) * (max(a.vertices)::float8 / max(a.total)) / 2
          as crossings
      from samples as a join segments as b on a.feature = b.feature and a.i <> b.i and ${CROSS}
      group by a.feature)
    select feature, crossings from estimates
    where found >= ${MIN_SAMPLED_CROSSINGS} and crossings > ${MAX_CROSSINGS}`;
}
