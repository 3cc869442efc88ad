import format from 'pg-format';
import { z } from 'zod';
import { attributeColumn, attributeColumns, checkFreeName, ColumnName, NewColumnName } from '../../columns.ts';
import { columnSql, selectInto, type TableFacts } from '../../step.ts';
import { stepKind } from '../../step-kind.ts';

/** Gives columns other names. */
export const renameColumns = stepKind({
  summary: 'Gives columns other names, all at once: two columns may change names with each other.',
  schema: z.strictObject({
    step: z.literal('rename_columns'),
    columns: z.record(ColumnName, NewColumnName).describe('New names by the present ones.'),
  }),
  example: { step: 'rename_columns', columns: { NAME_1: 'district', Shape_Area: 'area' } },
  bind: ({ columns }, path) => {
    const names = new Map(Object.entries(columns));
    const nameAfter = (name: string) => names.get(name) ?? name;
    return {
      columnsAfter: (facts) => {
        checkNames(names, facts, `${path}.columns`);
        return facts.columns.map((column) => ({ ...column, name: nameAfter(column.name) }));
      },
      plan: ({ input, output }, facts) => [
        {
          sql: selectInto(
            output,
            facts.columns.map(({ name }) => [nameAfter(name), columnSql(name)]),
            format('%I as t', input),
          ),
        },
      ],
    };
  },
});

function checkNames(names: ReadonlyMap<string, string>, facts: TableFacts, path: string): void {
  const staying = attributeColumns(facts)
    .filter(({ name }) => !names.has(name))
    .map(({ name }) => name);
  const given: string[] = [];
  for (const [before, after] of names) {
    const at = `${path}[${JSON.stringify(before)}]`;
    attributeColumn(before, facts, at);
    checkFreeName(after, [...staying, ...given], facts, at);
    given.push(after);
  }
}
