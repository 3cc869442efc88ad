import format from 'pg-format';
import { z } from 'zod';
import { counted } from '#shared/text/amounts.ts';
import { defineStep, type StepContext } from '../recipe-step.ts';
import { columnSql, geometryOf, isCollection, selectInto } from '../sql/select.ts';

export const explode = defineStep({
  summary:
    'Splits multi geometries and collections: each part becomes a feature with all attributes. ' +
    'Other features are unchanged. All features get new numbers.',
  schema: z.strictObject({ step: z.literal('explode') }),
  example: { step: 'explode' },
  bind: () => ({
    plan: ({ input, output, findings }, context) => {
      const geometry = geometryOf(context);
      return [
        {
          sql: format(
            `create unlogged table %1$I as
             select %2$s as feature from %3$I as t where GeometryType(%4$s) like 'MULTI%%' or %5$s`,
            findings,
            columnSql(context.keyColumn),
            input,
            geometry,
            isCollection(geometry),
          ),
          stopWhenEmpty: true,
          counts: 'changed_features',
        },
        // The left join keeps features whose geometry is null or empty, because they have no parts.
        {
          sql: selectInto(
            output,
            partColumns(context),
            format('%I as t left join lateral ST_Dump(%s) as part on true', input, geometry),
          ),
        },
      ];
    },
    failure: { code: 'GEOMETRY_INVALID', predicate: 'cannot be split' },
    note: ({ before, after, changed }) =>
      changed === 0
        ? undefined
        : {
            code: 'FEATURES_SPLIT',
            message:
              `Split ${counted(changed, 'feature')} with several parts: ` +
              `${counted(before, 'feature')} became ${after}.`,
          },
  }),
});

function partColumns(context: StepContext): [string, string][] {
  const key = columnSql(context.keyColumn);
  return context.columns.map(({ name }): [string, string] => {
    if (name === context.geometryColumn) return [name, `coalesce(part.geom, ${geometryOf(context)})`];
    return [name, name === context.keyColumn ? `row_number() over (order by ${key}, part.path)` : columnSql(name)];
  });
}
