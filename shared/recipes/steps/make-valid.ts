import format from 'pg-format';
import { createTableAs, geometryOf, type RecipeStep, type TableFacts } from '../step.ts';

/**
 * Repairs invalid geometries. Validity is computed once, in one parallel scan; only what is invalid is repaired and kept in the
 * findings table, and when nothing is, no table is written. A repair that yields several kinds of geometry keeps the
 * parts of the original dimension; one that has none of these (a polygon that was a line) keeps what is left, so no feature vanishes.
 */
export const makeValid: RecipeStep = {
  name: 'MakeValid',
  createsTable: true,
  plan: ({ input, output, findings }, facts) => [
    { sql: findInvalid(input, findings, facts), stopWhenEmpty: true, counts: 'repaired_geometries' },
    {
      sql: createTableAs(
        output,
        format('%I as t left join %I as repair on repair.feature = t.%I', input, findings, facts.keyColumn),
        `coalesce(repair.geometry, ${geometryOf(facts)})`,
        facts,
      ),
    },
  ],
  expression: (facts) => repaired(geometryOf(facts)),
  failure: { code: 'GEOMETRY_INVALID', says: 'cannot be repaired' },
  faults: ({ findings }) => [
    {
      code: 'GEOMETRY_INVALID',
      says: 'has a coordinate that is not a number, or is infinite',
      sql: format(`select feature, reason from %I where reason like 'Invalid Coordinate%%'`, findings),
    },
  ],
};

/** The findings: feature, reason and repaired geometry of each invalid one. `offset 0` keeps a repair from being computed for each mention. */
function findInvalid(input: string, findings: string, facts: TableFacts): string {
  const geometry = geometryOf(facts);
  const repairs = format(
    'select t.%I as feature, %s as original, %s as valid from %I as t where not ST_IsValid(%s) offset 0',
    facts.keyColumn,
    geometry,
    repaired(geometry),
    input,
    geometry,
  );
  const parts = `select *, ST_CollectionExtract(valid, ST_Dimension(original) + 1) as extracted from (${repairs}) as repairs offset 0`;
  return format(
    'create unlogged table %I as select feature, ST_IsValidReason(original) as reason, %s as geometry from (%s) as parts',
    findings,
    KEPT_PARTS,
    parts,
  );
}

function repaired(geometry: string): string {
  return `ST_MakeValid(${geometry})`;
}

/** The kind of type stays: a repair answers a single type when one part of several is left, and a multi type for one part. */
const KEPT_PARTS = `case
  when GeometryType(original) = 'GEOMETRYCOLLECTION' then valid
  when GeometryType(original) like 'MULTI%' then ST_Multi(case when ST_IsEmpty(extracted) then valid else extracted end)
  when ST_IsEmpty(extracted) then valid
  when ST_NumGeometries(extracted) = 1 then ST_GeometryN(extracted, 1)
  else extracted end`;
