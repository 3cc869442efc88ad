import format from 'pg-format';
import { z } from 'zod';
import { CAST_TYPES, castColumn, castSql, type CastType, isNoDate, readsDates } from '../../cast-sql.ts';
import { attributeColumn, ColumnName } from '../../columns.ts';
import { invalidParameter } from '../../invalid-parameter.ts';
import { columnSql, selectInto, type TableFacts } from '../../step.ts';
import { stepKind } from '../../step-kind.ts';
import type { TableColumn } from '#shared/postgis/table-columns.ts';

/** Texts that mean "no value" in one table. */
const MAX_NULL_VALUES = 20;

/** Gives columns other types. */
export const castColumns = stepKind({
  summary:
    'Gives columns other types. Spaces around a text do not count, an empty one is no value. A value that does not fit (a fraction as `bigint`, `03/04/2025` as a date) fails the run with `CAST_FAILED`, which names the feature.',
  schema: z.strictObject({
    step: z.literal('cast_columns'),
    columns: z
      .record(ColumnName, z.enum(CAST_TYPES))
      .describe(`Types by the names of columns: ${CAST_TYPES.map((type) => `\`${type}\``).join(', ')}.`),
    null_values: z
      .array(
        z
          .string()
          .max(64)
          .regex(/^[^\u0000]*$/, 'must not hold a NUL character'),
      )
      .max(MAX_NULL_VALUES)
      .default([])
      .describe('Texts that mean "no value" in these columns, such as `n/a` or `-9999`.'),
  }),
  example: { step: 'cast_columns', columns: { height: 'double', surveyed: 'date' }, null_values: ['n/a'] },
  bind: ({ columns, null_values }, path) => {
    const types = new Map(Object.entries(columns));
    const cast = (column: TableColumn) => castSql(column, types.get(column.name) ?? 'text', null_values) ?? 'null';
    return {
      columnsAfter: (facts) => {
        for (const [name, to] of types) checkCast(name, to, facts, `${path}.columns[${JSON.stringify(name)}]`);
        return facts.columns.map((column) =>
          types.has(column.name) ? castColumn(column.name, types.get(column.name) ?? 'text') : column,
        );
      },
      plan: ({ input, output }, facts) => [
        {
          sql: selectInto(
            output,
            facts.columns.map((column) => [
              column.name,
              types.has(column.name) ? cast(column) : columnSql(column.name),
            ]),
            format('%I as t', input),
          ),
        },
      ],
      // A row of all casts fails when one of them does.
      expression: (facts) =>
        `row(${facts.columns
          .filter(({ name }) => types.has(name))
          .map(cast)
          .join(', ')})`,
      failure: { code: 'CAST_FAILED', says: 'has a value that cannot be cast' },
      faults: ({ input }, facts) =>
        facts.columns
          .filter((column) => readsDates(column, types.get(column.name) ?? 'text'))
          .map((column) => ({
            code: 'CAST_FAILED',
            says: 'has a value that cannot be cast',
            sql: format(
              `select %s as feature, %L || left(%s, 64) || '" is not written as 2025-03-31 or 2025-03-31T12:00:00Z' as reason from %I as t where %s`,
              columnSql(facts.keyColumn),
              `column ${JSON.stringify(column.name)}: "`,
              columnSql(column.name),
              input,
              isNoDate(column, null_values),
            ),
          })),
    };
  },
});

function checkCast(name: string, to: CastType, facts: TableFacts, path: string): void {
  const column = attributeColumn(name, facts, path);
  if (castSql(column, to, []) === undefined)
    throw invalidParameter(path, `column ${JSON.stringify(name)} is ${column.type}, which cannot be cast to ${to}.`, {
      column: name,
      type: column.type,
    });
}
