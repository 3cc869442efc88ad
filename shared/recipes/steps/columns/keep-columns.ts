import format from 'pg-format';
import { z } from 'zod';
import { attributeColumnsNamed, ColumnName } from '../../columns.ts';
import { columnSql, selectInto, type TableFacts } from '../../step.ts';
import { MAX_TABLE_COLUMNS, stepKind } from '../../step-kind.ts';

/** Keeps some columns. */
export const keepColumns = stepKind({
  summary: 'Keeps the columns named, in the order of the table, and the geometry; all others are left out.',
  schema: z.strictObject({
    step: z.literal('keep_columns'),
    columns: z
      .array(ColumnName)
      .max(MAX_TABLE_COLUMNS)
      .describe('Names of columns. An empty list keeps the geometry alone.'),
  }),
  example: { step: 'keep_columns', columns: ['name', 'height'] },
  bind: ({ columns }, path) => {
    const after = (facts: TableFacts) => {
      const kept = attributeColumnsNamed(columns, facts, `${path}.columns`);
      return facts.columns.filter(
        (column) => column.name === facts.keyColumn || column.name === facts.geometryColumn || kept.includes(column),
      );
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
