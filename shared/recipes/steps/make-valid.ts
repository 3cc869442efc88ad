import format from 'pg-format';
import type { RecipeStep, StepContext } from '../recipe-step.ts';
import { createTableAs, geometryOf } from '../sql/select.ts';

/**
 * Repairs invalid geometries. One parallel scan finds them; only they are repaired and stored in the findings table.
 * When all geometries are valid, no table is written. Of a repair that gives several kinds of geometry, the parts with
 * the original dimension are kept. A repair without such parts (a polygon without area) is kept as it is, so that no
 * feature is lost.
 */
export const makeValid: RecipeStep = {
  name: 'MakeValid',
  createsTable: true,
  plan: ({ input, output, findings }, context) => [
    { sql: findInvalid(input, findings, context), stopWhenEmpty: true, counts: 'repaired_geometries' },
    {
      sql: createTableAs(
        output,
        format('%I as t left join %I as repair on repair.feature = t.%I', input, findings, context.keyColumn),
        `coalesce(repair.geometry, ${geometryOf(context)})`,
        context,
      ),
    },
  ],
  expression: (context) => repaired(geometryOf(context)),
  failure: { code: 'GEOMETRY_INVALID', predicate: 'cannot be repaired' },
  checks: ({ findings }) => [
    {
      code: 'GEOMETRY_INVALID',
      predicate: 'has a coordinate that is infinite or not a number',
      sql: format(`select feature, reason from %I where reason like 'Invalid Coordinate%%'`, findings),
    },
  ],
};

/**
 * SQL for the findings: feature, reason and repaired geometry of each invalid one. `offset 0` prevents the planner from
 * computing a repair once for each reference.
 */
function findInvalid(input: string, findings: string, context: StepContext): string {
  const geometry = geometryOf(context);
  const repairs = format(
    'select t.%I as feature, %s as original, %s as valid from %I as t where not ST_IsValid(%s) offset 0',
    context.keyColumn,
    geometry,
    repaired(geometry),
    input,
    geometry,
  );
  const parts = `select *, ST_CollectionExtract(valid, ST_Dimension(original) + 1) as extracted
    from (${repairs}) as repairs offset 0`;
  return format(
    `create unlogged table %I as
     select feature, ST_IsValidReason(original) as reason, %s as geometry from (%s) as parts`,
    findings,
    KEPT_PARTS,
    parts,
  );
}

function repaired(geometry: string): string {
  return `ST_MakeValid(${geometry})`;
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
