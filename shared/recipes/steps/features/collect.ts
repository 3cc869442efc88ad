import { z } from 'zod';
import { GroupingShape, groupingStep } from '../../grouping.ts';
import { columnSql, geometryOf, type TableFacts } from '../../step.ts';
import { stepKind } from '../../step-kind.ts';

/** One feature for each group, with a multi geometry of theirs. */
export const collect = stepKind({
  summary:
    'Gathers the features of each group into one with a multi geometry, the reverse of `explode`. Points and lines stay as they are; polygons that touch or overlap are united, for a valid multipolygon cannot hold them.',
  schema: z.strictObject({ step: z.literal('collect'), ...GroupingShape }),
  example: { step: 'collect', by: ['route'], aggregates: [{ function: 'count', as: 'segments' }] },
  bind: (grouping, path) => ({
    ...groupingStep(grouping, path, collected),
    failure: { code: 'GEOMETRY_INVALID', says: 'cannot be gathered with others' },
  }),
});

function collected(facts: TableFacts): string {
  const multi = `ST_Multi(ST_CollectionHomogenize(ST_Collect(${geometryOf(facts)} order by ${columnSql(facts.keyColumn)})))`;
  return `case when ST_IsValid(${multi}) then ${multi} else ST_Multi(ST_UnaryUnion(${multi})) end`;
}
