import format from 'pg-format';
import { z } from 'zod';
import { type ColumnClass, classOf } from './column-class.ts';
import { attributeColumn, ColumnName, NewColumnName } from './columns.ts';
import { invalidParameter } from './invalid-parameter.ts';
import { columnSql, type TableFacts } from './step.ts';
import type { TableColumn } from '#shared/postgis/table-columns.ts';

/** Values of several features made into one. */

const FUNCTIONS = ['count', 'sum', 'mean', 'min', 'max', 'first'] as const;

export const AggregateSchema = z
  .strictObject({
    column: ColumnName.optional().describe('The column to compute of; `count` needs none, and counts features then.'),
    function: z.enum(FUNCTIONS).describe('What to compute. `first` is the value of the first feature.'),
    as: NewColumnName.describe('Name of the new column.'),
  })
  .refine((aggregate) => aggregate.column !== undefined || aggregate.function === 'count', {
    path: ['column'],
    message: 'is needed for every function but count',
  });
export type Aggregate = z.infer<typeof AggregateSchema>;

const NUMBERS: readonly ColumnClass[] = ['integer', 'float', 'decimal'];
const ORDERED: readonly ColumnClass[] = [...NUMBERS, 'text', 'date', 'timestamp', 'timestamptz'];

/** Which columns a function takes. */
const TAKES: Record<Aggregate['function'], { classes: readonly ColumnClass[]; says: string }> = {
  count: { classes: [...ORDERED, 'boolean', 'other'], says: 'any column' },
  sum: { classes: NUMBERS, says: 'a column of numbers' },
  mean: { classes: NUMBERS, says: 'a column of numbers' },
  min: { classes: ORDERED, says: 'a column of numbers, texts, dates or times' },
  max: { classes: ORDERED, says: 'a column of numbers, texts, dates or times' },
  first: { classes: [...ORDERED, 'boolean'], says: 'a column of numbers, texts, booleans, dates or times' },
};

const BIGINT = { type: 'bigint', base: 'int8', array: false };
const NUMERIC = { type: 'numeric', base: 'numeric', array: false };
const DOUBLE = { type: 'double precision', base: 'float8', array: false };

/** The column that an aggregate makes, and its SQL over alias `t` in a grouped query. Throws RECIPE_INVALID. */
export function aggregateColumn(
  aggregate: Aggregate,
  facts: TableFacts,
  path: string,
): { column: TableColumn; sql: string } {
  const { as, function: name } = aggregate;
  if (aggregate.column === undefined) return { column: { name: as, ...BIGINT }, sql: 'count(*)' };
  const of = attributeColumn(aggregate.column, facts, `${path}.column`);
  const takes = TAKES[name];
  if (!takes.classes.includes(classOf(of)))
    throw invalidParameter(
      `${path}.column`,
      `${name} takes ${takes.says}, and ${JSON.stringify(of.name)} is ${of.type}.`,
      { column: of.name, type: of.type },
    );
  const { sql, type } = computed(name, of, columnSql(of.name), columnSql(facts.keyColumn));
  return { column: { name: as, ...type }, sql };
}

/** Sums and means of floating-point numbers depend on the order, which the number of the feature decides: the same input gives the same bytes. */
function computed(
  name: Aggregate['function'],
  of: TableColumn,
  value: string,
  key: string,
): { sql: string; type: Omit<TableColumn, 'name'> } {
  const same =
    classOf(of) === 'text'
      ? { type: 'text', base: 'text', array: false }
      : { type: of.type, base: of.base, array: false };
  switch (name) {
    case 'count':
      return { sql: `count(${value})`, type: BIGINT };
    case 'sum':
      if (classOf(of) === 'float') return { sql: `sum(${value}::float8 order by ${key})`, type: DOUBLE };
      // PostgreSQL adds 64-bit numbers as numeric, so that no sum overflows.
      return { sql: `sum(${value})`, type: of.base === 'int8' || of.base === 'numeric' ? NUMERIC : BIGINT };
    case 'mean':
      return { sql: `avg(${value}::float8 order by ${key})`, type: DOUBLE };
    case 'min':
    case 'max':
      return { sql: format('%s(%s)::%s', name, value, same.type), type: same };
    case 'first':
      return { sql: format('(array_agg(%s order by %s))[1]::%s', value, key, same.type), type: same };
  }
}
