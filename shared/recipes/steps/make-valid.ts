import format from 'pg-format';
import type { FeatureCheck, RecipeStep, StepContext, StepTables } from '../recipe-step.ts';
import { findEntangled, findNested, findRepeated, MAX_SMALL_VERTICES, tooComplex } from '../sql/complex-geometries.ts';
import { createTableAs, geometryOf } from '../sql/select.ts';

/**
 * Repairs invalid geometries. One parallel scan finds them, and repairs those with few vertices; they are stored in the
 * findings table. The others are repaired while the output is written, after a check that none of them is too complex.
 * When all geometries are valid, no table is written. Of a repair that results in several kinds of geometry, the parts
 * with the original dimension are kept. A repair without such parts (a polygon without area) is kept as it is, so that
 * no feature is lost.
 */
export const makeValid: RecipeStep = {
  name: 'MakeValid',
  createsTable: true,
  plan: (tables, context) => [
    {
      checksBefore: [tooComplex('cannot be checked', findNested(tables, context))],
      sql: findInvalid(tables, context),
      stopWhenEmpty: true,
      counts: 'repaired_geometries',
      checks: [
        {
          code: 'GEOMETRY_INVALID',
          predicate: 'has a coordinate that is infinite or not a number',
          sql: format(`select feature, reason from %I where reason like 'Invalid Coordinate%%'`, tables.findings),
        },
        tooComplex('cannot be repaired', findEntangled(tables, context)),
        tooComplex('cannot be repaired', findRepeated(tables, context)),
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
  return tooComplex(
    'cannot be repaired',
    format(
      `select f.feature, 'GEOS failed, probably because it needed more memory than PostgreSQL may use' as reason
       from %I as f join %I as t on t.%I = f.feature where f.geometry is null and t.%I is null`,
      findings,
      output,
      context.keyColumn,
      context.geometryColumn,
    ),
  );
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
