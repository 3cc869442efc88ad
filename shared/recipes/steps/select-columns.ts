import { z } from 'zod';
import { MAX_POSTGRES_COLUMNS } from '#shared/postgis/run-schema.ts';
import type { TableColumn } from '#shared/postgis/table-checks.ts';
import { attributeColumnsNamed, ColumnName } from '../parameters/columns.ts';
import type { RecipeStep, StepContext } from '../recipe-step.ts';
import { selectColumns } from '../sql/select.ts';
import { defineStep } from '../step-definition.ts';

export const keepColumns = defineStep({
  summary: 'Keeps the listed columns, in the order of the table, and the geometry. Removes all other columns.',
  schema: z.strictObject({
    step: z.literal('keep_columns'),
    columns: z
      .array(ColumnName)
      .max(MAX_POSTGRES_COLUMNS)
      .describe('Names of columns. An empty list keeps the geometry only.'),
  }),
  example: { step: 'keep_columns', columns: ['name', 'height'] },
  bind: ({ columns }, path) =>
    selectionStep((context) => {
      const kept = attributeColumnsNamed(columns, context, `${path}.columns`);
      return context.columns.filter(
        (column) =>
          column.name === context.keyColumn || column.name === context.geometryColumn || kept.includes(column),
      );
    }),
});

export const dropColumns = defineStep({
  summary: 'Removes the listed columns.',
  schema: z.strictObject({
    step: z.literal('drop_columns'),
    columns: z.array(ColumnName).min(1).max(MAX_POSTGRES_COLUMNS).describe('Names of columns.'),
  }),
  example: { step: 'drop_columns', columns: ['OBJECTID', 'Shape_Leng'] },
  bind: ({ columns }, path) =>
    selectionStep((context) => {
      const dropped = attributeColumnsNamed(columns, context, `${path}.columns`);
      return context.columns.filter((column) => !dropped.includes(column));
    }),
});

/** A step that keeps the columns which `columnsAfter` returns. */
function selectionStep(
  columnsAfter: (context: StepContext) => TableColumn[],
): Pick<RecipeStep, 'plan' | 'columnsAfter'> {
  return {
    columnsAfter,
    plan: ({ input, output }, context) => [{ sql: selectColumns(output, input, columnsAfter(context)) }],
  };
}
