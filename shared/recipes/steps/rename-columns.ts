import format from 'pg-format';
import { z } from 'zod';
import { attributeColumn, attributeColumns, checkFreeName, ColumnName, NewColumnName } from '../parameters/columns.ts';
import type { StepContext } from '../recipe-step.ts';
import { columnSql, selectInto } from '../sql/select.ts';
import { defineStep } from '../step-definition.ts';

export const renameColumns = defineStep({
  summary: 'Renames columns. All names change at the same time, so two columns can exchange their names.',
  schema: z.strictObject({
    step: z.literal('rename_columns'),
    columns: z.record(ColumnName, NewColumnName).describe('New names by current names.'),
  }),
  example: { step: 'rename_columns', columns: { NAME_1: 'district', Shape_Area: 'area' } },
  bind: ({ columns }, path) => {
    const names = new Map(Object.entries(columns));
    const nameAfter = (name: string) => names.get(name) ?? name;
    return {
      columnsAfter: (context) => {
        checkNames(names, context, `${path}.columns`);
        return context.columns.map((column) => ({ ...column, name: nameAfter(column.name) }));
      },
      plan: ({ input, output }, context) => [
        {
          sql: selectInto(
            output,
            context.columns.map(({ name }) => [nameAfter(name), columnSql(name)]),
            format('%I as t', input),
          ),
        },
      ],
    };
  },
});

function checkNames(names: ReadonlyMap<string, string>, context: StepContext, path: string): void {
  const unchanged = attributeColumns(context)
    .filter(({ name }) => !names.has(name))
    .map(({ name }) => name);
  const given: string[] = [];
  for (const [before, after] of names) {
    const place = `${path}[${JSON.stringify(before)}]`;
    attributeColumn(before, context, place);
    checkFreeName(after, [...unchanged, ...given], context, place);
    given.push(after);
  }
}
