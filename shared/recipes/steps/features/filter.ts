import format from 'pg-format';
import { z } from 'zod';
import { type Condition, ConditionSchema } from '../../filter-conditions.ts';
import { conditionSql } from '../../filter-sql.ts';
import { createTableAs, geometryOf, type TableFacts } from '../../step.ts';
import { stepKind } from '../../step-kind.ts';

/** More conditions than this are a table of their own, to join with. */
const MAX_CONDITIONS = 100;
const Conditions = z.array(ConditionSchema).min(1).max(MAX_CONDITIONS);

/** Keeps the features whose values fulfill conditions. */
export const filter = stepKind({
  summary:
    'Keeps the features for which all conditions of `all` and at least one of `any` hold. A missing value fulfils no condition but `is_null`.',
  schema: z
    .strictObject({
      step: z.literal('filter'),
      all: Conditions.optional().describe('Conditions `{"column", "op", "value"}` that must all hold.'),
      any: Conditions.optional().describe(
        'Conditions of which at least one must hold. One of the two lists is needed.',
      ),
    })
    .refine(({ all, any }) => all !== undefined || any !== undefined, 'needs conditions in "all" or "any"'),
  example: {
    step: 'filter',
    all: [{ column: 'status', op: '=', value: 'built' }],
    any: [
      { column: 'kind', op: 'in', value: ['house', 'school'] },
      { column: 'height', op: '>=', value: 10 },
    ],
  },
  bind: ({ all = [], any = [] }, path) => {
    const where = (facts: TableFacts) =>
      [...conjunction(all, facts, `${path}.all`), disjunction(any, facts, `${path}.any`)]
        .filter((sql) => sql !== '')
        .join(' and ');
    return {
      plan: ({ input, output }, facts) => [
        { sql: createTableAs(output, `${format('%I as t', input)} where ${where(facts)}`, geometryOf(facts), facts) },
      ],
      columnsAfter: (facts) => {
        where(facts); // Throws for an unknown column or a wrong value, before anything runs.
        return facts.columns;
      },
      note: ({ before, after }) =>
        after === before
          ? undefined
          : {
              code: 'FEATURES_FILTERED',
              message: `${before - after} of ${before} features do not fulfill the conditions of the filter, and are left out.`,
            },
    };
  },
});

function conjunction(conditions: readonly Condition[], facts: TableFacts, path: string): string[] {
  return conditions.map((condition, index) => conditionSql(condition, facts, `${path}[${index}]`));
}

function disjunction(conditions: readonly Condition[], facts: TableFacts, path: string): string {
  return conditions.length === 0 ? '' : `(${conjunction(conditions, facts, path).join(' or ')})`;
}
