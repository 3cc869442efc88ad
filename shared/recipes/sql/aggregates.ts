import format from 'pg-format';
import { z } from 'zod';
import {
  attributeColumn,
  type ColumnClass,
  ColumnName,
  classOf,
  invalidParameter,
  NewColumnName,
} from '../parameters/columns.ts';
import type { StepContext } from '../recipe-step.ts';
import { columnSql } from './select.ts';
import type { TableColumn } from '#shared/postgis/table-checks.ts';

/** Aggregate functions of the steps that merge features. */

const FUNCTIONS = ['count', 'sum', 'mean', 'min', 'max', 'first'] as const;

export const AggregateSchema = z
  .strictObject({
    column: ColumnName.optional().describe('The column to aggregate. Without it, `count` counts features.'),
    function: z.enum(FUNCTIONS).describe('The aggregate function. `first` is the value of the first feature.'),
    as: NewColumnName.describe('Name of the new column.'),
  })
  .refine((aggregate) => aggregate.column !== undefined || aggregate.function === 'count', {
    path: ['column'],
    message: 'is required for every function except count',
  });
export type Aggregate = z.infer<typeof AggregateSchema>;

const NUMBERS: readonly ColumnClass[] = ['integer', 'float', 'decimal'];
const ORDERED: readonly ColumnClass[] = [...NUMBERS, 'text', 'date', 'timestamp', 'timestamptz'];

/** The columns that each function accepts. */
const ACCEPTED: Record<Aggregate['function'], { classes: readonly ColumnClass[]; description: string }> = {
  count: { classes: [...ORDERED, 'boolean', 'other'], description: 'any column' },
  sum: { classes: NUMBERS, description: 'a column of numbers' },
  mean: { classes: NUMBERS, description: 'a column of numbers' },
  min: { classes: ORDERED, description: 'a column of numbers, texts, dates or times' },
  max: { classes: ORDERED, description: 'a column of numbers, texts, dates or times' },
  first: { classes: [...ORDERED, 'boolean'], description: 'a column of numbers, texts, booleans, dates or times' },
};

const BIGINT = { type: 'bigint', base: 'int8', array: false };
const NUMERIC = { type: 'numeric', base: 'numeric', array: false };
const DOUBLE = { type: 'double precision', base: 'float8', array: false };

/** The column of an aggregate, and its SQL in a grouped query over alias `t`. Throws RECIPE_INVALID. */
export function aggregateColumn(
  aggregate: Aggregate,
  context: StepContext,
  path: string,
): { column: TableColumn; sql: string } {
  const { as, function: name } = aggregate;
  if (aggregate.column === undefined) return { column: { name: as, ...BIGINT }, sql: 'count(*)' };
  const source = attributeColumn(aggregate.column, context, `${path}.column`);
  const accepted = ACCEPTED[name];
  if (!accepted.classes.includes(classOf(source)))
    throw invalidParameter(
      `${path}.column`,
      `${name} requires ${accepted.description}; ${JSON.stringify(source.name)} is ${source.type}.`,
      { column: source.name, type: source.type },
    );
  const { sql, type } = aggregateSql(name, source, columnSql(source.name), columnSql(context.keyColumn));
  return { column: { name: as, ...type }, sql };
}

/**
 * Floating-point sums and means are computed in the order of the features, so that the same input results in the same
 * result.
 */
function aggregateSql(
  name: Aggregate['function'],
  source: TableColumn,
  value: string,
  key: string,
): { sql: string; type: Omit<TableColumn, 'name'> } {
  const same =
    classOf(source) === 'text'
      ? { type: 'text', base: 'text', array: false }
      : { type: source.type, base: source.base, array: false };
  switch (name) {
    case 'count':
      return { sql: `count(${value})`, type: BIGINT };
    case 'sum':
      if (classOf(source) === 'float') return { sql: `sum(${value}::float8 order by ${key})`, type: DOUBLE };
      // The sum of bigint is numeric in PostgreSQL, so it cannot overflow.
      return { sql: `sum(${value})`, type: source.base === 'int8' || source.base === 'numeric' ? NUMERIC : BIGINT };
    case 'mean':
      return { sql: `avg(${value}::float8 order by ${key})`, type: DOUBLE };
    case 'min':
    case 'max':
      return { sql: format('%s(%s)::%s', name, value, same.type), type: same };
    case 'first':
      return { sql: format('(array_agg(%s order by %s))[1]::%s', value, key, same.type), type: same };
  }
}
