import format from 'pg-format';
import { z } from 'zod';
import { attributeColumnsNamed, ColumnName } from '../../columns.ts';
import { columnSql, selectInto, type TableFacts } from '../../step.ts';
import { MAX_TABLE_COLUMNS, stepKind } from '../../step-kind.ts';

/** Leaves some columns out. */
export const dropColumns = stepKind({
  summary: 'Leaves the columns named out.',
  schema: z.strictObject({
    step: z.literal('drop_columns'),
    columns: z.array(ColumnName).min(1).max(MAX_TABLE_COLUMNS).describe('Names of columns.'),
  }),
  example: { step: 'drop_columns', columns: ['OBJECTID', 'Shape_Leng'] },
  bind: ({ columns }, path) => {
    const after = (facts: TableFacts) => {
      const dropped = attributeColumnsNamed(columns, facts, `${path}.columns`);
      return facts.columns.filter((column) => !dropped.includes(column));
    };
    return {
      columnsAfter: after,
      plan: ({ input, output }, facts) => [
        {
          sql: selectInto(
            output,
            after(facts).map(({ name }) => [name, columnSql(name)]),
            format('%I as t', input),
          ),
        },
      ],
    };
  },
});
