import format from 'pg-format';
import { z } from 'zod';
import { DECLARABLE_TYPES, type DeclarableType } from '#shared/contracts/column-types.ts';
import { MAX_POSTGRES_COLUMNS } from '#shared/postgis/run-schema.ts';
import type { TableColumn } from '#shared/postgis/table-checks.ts';
import {
  attributeColumn,
  attributeColumns,
  attributeColumnsNamed,
  checkFreeName,
  ColumnName,
  invalidParameter,
  NewColumnName,
  postgresText,
} from '../parameters/columns.ts';
import { defineStep, type FeatureCheck, type RecipeStep, type StepContext, type StepTables } from '../recipe-step.ts';
import { castColumn, castSql, isNoDate, parsesDates } from '../sql/cast.ts';
import { columnSql, selectColumns, selectInto } from '../sql/select.ts';

const MAX_NULL_VALUES = 20;
const MAX_NULL_VALUE_LENGTH = 64;

export const castColumns = defineStep({
  summary:
    'Changes the types of columns. Spaces around a text are ignored, and an empty text becomes null. A value that ' +
    'does not fit (a fraction as `bigint`, `03/04/2025` as a date) fails the run with `CAST_FAILED`, ' +
    'which names the feature.',
  schema: z.strictObject({
    step: z.literal('cast_columns'),
    columns: z
      .record(ColumnName, z.enum(DECLARABLE_TYPES))
      .describe(`Types by names of columns: ${DECLARABLE_TYPES.map((type) => `\`${type}\``).join(', ')}.`),
    null_values: z
      .array(postgresText().max(MAX_NULL_VALUE_LENGTH))
      .max(MAX_NULL_VALUES)
      .default([])
      .describe('Texts that mean null in these columns, such as `n/a` or `-9999`.'),
  }),
  example: { step: 'cast_columns', columns: { height: 'double', surveyed: 'date' }, null_values: ['n/a'] },
  bind: ({ columns, null_values }, path) => {
    const types = new Map(Object.entries(columns));
    const typeOf = (column: TableColumn) => types.get(column.name) ?? 'text';
    const cast = (column: TableColumn) => castSql(column, typeOf(column), null_values) ?? 'null';
    const isCast = ({ name }: TableColumn) => types.has(name);
    return {
      columnsAfter: (context) => {
        for (const [name, to] of types) checkCast(name, to, context, `${path}.columns[${JSON.stringify(name)}]`);
        return context.columns.map((column) => (isCast(column) ? castColumn(column.name, typeOf(column)) : column));
      },
      plan: ({ input, output }, context) => [
        {
          sql: selectInto(
            output,
            context.columns.map((column) => [column.name, isCast(column) ? cast(column) : columnSql(column.name)]),
            format('%I as t', input),
          ),
        },
      ],
      // A row of all casts fails when one of them fails.
      expression: (context) => `row(${context.columns.filter(isCast).map(cast).join(', ')})`,
      failure: CAST_FAILURE,
      checks: (tables, context) =>
        context.columns
          .filter((column) => parsesDates(column, typeOf(column)))
          .map((column) => findOtherDates(column, null_values, tables, context)),
    };
  },
});

const CAST_FAILURE = { code: 'CAST_FAILED', predicate: 'has a value that cannot be cast' } as const;

/** PostgreSQL accepts other forms of dates, whose meaning depends on its settings. */
function findOtherDates(
  column: TableColumn,
  nullValues: readonly string[],
  { input }: StepTables,
  context: StepContext,
): FeatureCheck {
  return {
    ...CAST_FAILURE,
    sql: format(
      `select %s as feature, %L || left(%s, 64) || '" is not written as 2025-03-31 or 2025-03-31T12:00:00Z' as reason
       from %I as t where %s`,
      columnSql(context.keyColumn),
      `column ${JSON.stringify(column.name)}: "`,
      columnSql(column.name),
      input,
      isNoDate(column, nullValues),
    ),
  };
}

function checkCast(name: string, to: DeclarableType, context: StepContext, path: string): void {
  const column = attributeColumn(name, context, path);
  if (castSql(column, to, []) === undefined)
    throw invalidParameter(path, `column ${JSON.stringify(name)} is ${column.type}, which cannot be cast to ${to}.`, {
      column: name,
      type: column.type,
    });
}

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
