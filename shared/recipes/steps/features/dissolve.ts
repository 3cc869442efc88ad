import { z } from 'zod';
import { GroupingShape, groupingStep } from '../../grouping.ts';
import { columnSql, geometryOf } from '../../step.ts';
import { stepKind } from '../../step-kind.ts';

/** One feature for each group: geometries are united, and their common borders go away. */
export const dissolve = stepKind({
  summary:
    'Unites the features of each group into one: common borders go away, overlaps count once. A missing value is a group of its own.',
  schema: z.strictObject({ step: z.literal('dissolve'), ...GroupingShape }),
  example: {
    step: 'dissolve',
    by: ['district'],
    aggregates: [
      { function: 'count', as: 'parcels' },
      { column: 'area', function: 'sum', as: 'total_area' },
    ],
  },
  bind: (grouping, path) => ({
    // In the order of the features, since the vertices of a union begin where the first one does.
    ...groupingStep(grouping, path, (facts) => `ST_Union(${geometryOf(facts)} order by ${columnSql(facts.keyColumn)})`),
    failure: { code: 'GEOMETRY_INVALID', says: 'cannot be united with others' },
  }),
});
