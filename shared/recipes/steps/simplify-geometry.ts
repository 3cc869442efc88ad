import format from 'pg-format';
import { geometryOf, type RecipeStep, type TableFacts } from '../step.ts';
import { guardedChange } from './guarded-change.ts';

/**
 * Drops vertices that lie within the tolerance (units of the target CRS), preserving topology within each feature. Points, ends
 * of lines and rings of four points stay; so does a geometry whose simplified form would be invalid. Off at 0.
 */
export const simplifyGeometry: RecipeStep = {
  name: 'SimplifyGeometry',
  createsTable: true,
  plan: ({ input, output }, facts) => {
    if (facts.parameters.simplify_tolerance === 0) return [];
    // Simplifying only drops vertices: the same count is the same geometry.
    return [
      {
        sql: guardedChange(
          input,
          output,
          simplified(facts),
          facts,
          (before, after) => `ST_NPoints(${before}) = ST_NPoints(${after})`,
        ),
      },
    ];
  },
  expression: simplified,
  failure: { code: 'GEOMETRY_INVALID', says: 'cannot be simplified' },
};

function simplified(facts: TableFacts): string {
  const geometry = geometryOf(facts);
  const fewer = format('ST_SimplifyPreserveTopology(%s, %s)', geometry, facts.parameters.simplify_tolerance);
  return `case when GeometryType(${geometry}) like 'MULTI%' then ST_Multi(${fewer}) else ${fewer} end`;
}
