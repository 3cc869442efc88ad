import format from 'pg-format';
import { z } from 'zod';
import type { TableColumn } from '#shared/postgis/table-checks.ts';
import { attributeColumn, checkFreeName, ColumnName, invalidParameter, NewColumnName } from '../parameters/columns.ts';
import { classOf, type ColumnClass } from '../sql/column-class.ts';
import { defineStep, type RecipeStep, type StepContext } from '../recipe-step.ts';
import { findNestedGroups, tooComplex } from '../sql/complex-geometries.ts';
import { columnSql, geometryOf, selectInto } from '../sql/select.ts';

/** Aggregate functions of the steps that merge features. */
const FUNCTIONS = ['count', 'sum', 'mean', 'min', 'max', 'first'] as const;

const AggregateSchema = z
  .strictObject({
    column: ColumnName.optional().describe('The column to aggregate. Without it, `count` counts features.'),
    function: z.enum(FUNCTIONS).describe('The aggregate function. `first` is the value of the first feature.'),
    as: NewColumnName.describe('Name of the new column.'),
  })
  .refine((aggregate) => aggregate.column !== undefined || aggregate.function === 'count', {
    path: ['column'],
    message: 'is required for every function except count',
  });
type Aggregate = z.infer<typeof AggregateSchema>;

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
function aggregateColumn(
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

/** Columns to group by, and aggregates of a group. */
const MAX_GROUP_COLUMNS = 100;

/** Parameters of the steps that merge features. */
const GroupingShape = {
  by: z
    .array(ColumnName)
    .max(MAX_GROUP_COLUMNS)
    .default([])
    .describe('Features with equal values in these columns are merged. An empty list merges all features.'),
  aggregates: z
    .array(AggregateSchema)
    .max(MAX_GROUP_COLUMNS)
    .default([])
    .describe('New columns, computed from the features of a group. Columns that are not listed are removed.'),
};

export const collect = defineStep({
  summary:
    'Merges the features of each group into one with a multi geometry; the reverse of `explode`. Points and lines ' +
    'are unchanged. Polygons that touch or overlap are united, because a valid multipolygon cannot contain them.',
  schema: z.strictObject({ step: z.literal('collect'), ...GroupingShape }),
  example: { step: 'collect', by: ['route'], aggregates: [{ function: 'count', as: 'segments' }] },
  bind: (grouping, path) => ({
    ...groupingStep(grouping, path, collected, 'cannot be collected with others'),
  }),
});

export const dissolve = defineStep({
  summary:
    'Unites the features of each group into one. Common borders are removed, and overlaps are counted once. ' +
    'Null is a group like any other value.',
  schema: z.strictObject({ step: z.literal('dissolve'), ...GroupingShape }),
  example: {
    step: 'dissolve',
    by: ['district'],
    aggregates: [
      { function: 'count', as: 'parcels' },
      { column: 'area', function: 'sum', as: 'total_area' },
    ],
  },
  bind: (grouping, path) => ({
    ...groupingStep(grouping, path, united, 'cannot be united with others'),
  }),
});

/** The geometries are in the order of the features, so that the result always starts with the same vertex. */
function united(context: StepContext): string {
  return `ST_Union(${geometryOf(context)} order by ${columnSql(context.keyColumn)})`;
}

function collected(context: StepContext): string {
  const all = `ST_Collect(${geometryOf(context)} order by ${columnSql(context.keyColumn)})`;
  const multi = `ST_Multi(ST_CollectionHomogenize(${all}))`;
  return `case when ST_IsValid(${multi}) then ${multi} else ST_Multi(ST_UnaryUnion(${multi})) end`;
}

interface Grouping {
  by: string[];
  aggregates: Aggregate[];
}

/** The query of a grouping step. */
interface GroupQuery {
  columns: TableColumn[];
  expressions: [name: string, sql: string][];
  groupBy: string;
}

/** Makes one feature of each group. Its number is the lowest of the group. `predicate` is what failed, in messages. */
function groupingStep(
  grouping: Grouping,
  path: string,
  geometryOfGroup: (context: StepContext) => string,
  predicate: string,
): Pick<RecipeStep, 'plan' | 'columnsAfter' | 'note' | 'failure'> {
  return {
    plan: ({ input, output }, context) => {
      const { expressions, groupBy } = groupQuery(grouping, context, path, geometryOfGroup(context));
      // Without `having`, an empty table without columns to group by would give one feature.
      const source = format('%I as t group by %s having count(*) > 0', input, groupBy);
      const checksBefore = [tooComplex(predicate, findNestedGroups(input, groupBy, context))];
      return [{ checksBefore, sql: selectInto(output, expressions, source) }];
    },
    failure: { code: 'GEOMETRY_INVALID', predicate },
    columnsAfter: (context) => groupQuery(grouping, context, path, geometryOfGroup(context)).columns,
    note: ({ before, after }) =>
      after === before ? undefined : { code: 'FEATURES_MERGED', message: `Merged ${before} features into ${after}.` },
  };
}

function groupQuery({ by, aggregates }: Grouping, context: StepContext, path: string, geometry: string): GroupQuery {
  const groupColumns = by.map((name, index) => groupColumn(name, context, `${path}.by[${index}]`).name);
  const names = [...new Set(groupColumns)];
  const computed = aggregates.map((aggregate, index) =>
    aggregateColumn(aggregate, context, `${path}.aggregates[${index}]`),
  );
  checkAggregateNames(aggregates, names, context, path);
  const kept = context.columns.filter(({ name }) => name === context.keyColumn || names.includes(name));
  const geometryColumn = context.columns.filter(({ name }) => name === context.geometryColumn);
  return {
    columns: [...kept, ...computed.map(({ column }) => column), ...geometryColumn],
    expressions: [
      ...kept.map(({ name }): [string, string] => [
        name,
        name === context.keyColumn ? `min(${columnSql(name)})` : columnSql(name),
      ]),
      ...computed.map(({ column, sql }): [string, string] => [column.name, sql]),
      [context.geometryColumn, geometry],
    ],
    groupBy: names.length === 0 ? '()' : names.map(columnSql).join(', '),
  };
}

function checkAggregateNames(
  aggregates: readonly Aggregate[],
  groupColumns: readonly string[],
  context: StepContext,
  path: string,
): void {
  for (const [index, { as }] of aggregates.entries()) {
    const earlier = aggregates.slice(0, index).map((other) => other.as);
    checkFreeName(as, [...groupColumns, ...earlier], context, `${path}.aggregates[${index}].as`);
  }
}

function groupColumn(name: string, context: StepContext, path: string): TableColumn {
  const column = attributeColumn(name, context, path);
  if (classOf(column) === 'other')
    throw invalidParameter(
      path,
      `features cannot be grouped by ${JSON.stringify(name)}, because its type is ${column.type}.`,
      { column: name, type: column.type },
    );
  return column;
}
