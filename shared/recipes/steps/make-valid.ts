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
  expression: repaired,
  failure: { code: 'GEOMETRY_INVALID', says: 'cannot be repaired' },
  faults: ({ findings }) => [{
    code: 'GEOMETRY_INVALID',
    says: 'has a coordinate that is not a number, or is infinite',
    sql: format(`select feature, reason from %I where reason like 'Invalid Coordinate%%'`, findings),
  }],
};

function findInvalid(input: string, findings: string, facts: TableFacts): string {
  const geometry = geometryOf(facts);
  return format(
    'create unlogged table %I as select t.%I as feature, ST_IsValidReason(%s) as reason, %s as geometry from %I as t where not ST_IsValid(%s)',
    findings, facts.keyColumn, geometry, repaired(geometry), input, geometry,
  );
}

function repaired(geometry: string): string {
  const valid = `ST_MakeValid(${geometry})`;
  const sameDimension = `ST_CollectionExtract(${valid}, ST_Dimension(${geometry}) + 1)`;
  const parts = `case when ST_IsEmpty(${sameDimension}) then ${valid} else ${sameDimension} end`;
  // The kind of type stays: a repair answers a single type when one part of several is left, and a multi type with one part.
  return `case when GeometryType(${geometry}) = 'GEOMETRYCOLLECTION' then ${valid} when GeometryType(${geometry}) like 'MULTI%' then ST_Multi(${parts})
    when ST_NumGeometries(${parts}) = 1 then ST_GeometryN(${parts}, 1) else ${parts} end`;
}
