import format from 'pg-format';
import { z } from 'zod';
import type { StepContext } from '../recipe-step.ts';
import { type Condition, ConditionSchema, conditionSql } from '../sql/conditions.ts';
import { createTableAs, geometryOf } from '../sql/select.ts';
import { defineStep } from '../step-definition.ts';

/** More conditions belong in a table, to join with. */
const MAX_CONDITIONS = 100;
const Conditions = z.array(ConditionSchema).min(1).max(MAX_CONDITIONS);

export const filter = defineStep({
  summary:
    'Keeps the features that fulfill all conditions of `all` and at least one condition of `any`. ' +
    'A null value fulfills no condition except `is_null`.',
  schema: z
    .strictObject({
      step: z.literal('filter'),
      all: Conditions.optional().describe('Conditions `{"column", "op", "value"}` that must all be true.'),
      any: Conditions.optional().describe(
        'Conditions of which at least one must be true. One of the two lists is required.',
      ),
    })
    .refine(({ all, any }) => all !== undefined || any !== undefined, 'requires conditions in "all" or "any"'),
  example: {
    step: 'filter',
    all: [{ column: 'status', op: '=', value: 'built' }],
    any: [
      { column: 'kind', op: 'in', value: ['house', 'school'] },
      { column: 'height', op: '>=', value: 10 },
    ],
  },
  bind: ({ all = [], any = [] }, path) => {
    const where = (context: StepContext) =>
      [...conditionsSql(all, context, `${path}.all`), anyOf(conditionsSql(any, context, `${path}.any`))]
        .filter((sql) => sql !== '')
        .join(' and ');
    return {
      plan: ({ input, output }, context) => [
        {
          sql: createTableAs(
            output,
            `${format('%I as t', input)} where ${where(context)}`,
            geometryOf(context),
            context,
          ),
        },
      ],
      columnsAfter: (context) => {
        where(context); // Throws for an unknown column or a wrong value, before the first statement runs.
        return context.columns;
      },
      note: ({ before, after }) =>
        after === before
          ? undefined
          : { code: 'FEATURES_FILTERED', message: `The filter removed ${before - after} of ${before} features.` },
    };
  },
});

function conditionsSql(conditions: readonly Condition[], context: StepContext, path: string): string[] {
  return conditions.map((condition, index) => conditionSql(condition, context, `${path}[${index}]`));
}

function anyOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `(${conditions.join(' or ')})`;
}
