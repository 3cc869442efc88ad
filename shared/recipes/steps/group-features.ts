import format from 'pg-format';
import { z } from 'zod';
import { attributeColumn, checkFreeName, ColumnName, classOf, invalidParameter } from '../parameters/columns.ts';
import type { RecipeStep, StepContext } from '../recipe-step.ts';
import { type Aggregate, aggregateColumn, AggregateSchema } from '../sql/aggregates.ts';
import { columnSql, geometryOf, selectInto } from '../sql/select.ts';
import { defineStep } from '../step-definition.ts';
import type { TableColumn } from '#shared/postgis/table-checks.ts';

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
    ...groupingStep(grouping, path, collected),
    failure: { code: 'GEOMETRY_INVALID', predicate: 'cannot be collected with others' },
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
    ...groupingStep(grouping, path, united),
    failure: { code: 'GEOMETRY_INVALID', predicate: 'cannot be united with others' },
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

/** Makes one feature of each group. Its number is the lowest of the group. */
function groupingStep(
  grouping: Grouping,
  path: string,
  geometryOfGroup: (context: StepContext) => string,
): Pick<RecipeStep, 'plan' | 'columnsAfter' | 'note'> {
  return {
    plan: ({ input, output }, context) => {
      const { expressions, groupBy } = groupQuery(grouping, context, path, geometryOfGroup(context));
      // Without `having`, an empty table without columns to group by would give one feature.
      const source = format('%I as t group by %s having count(*) > 0', input, groupBy);
      return [{ sql: selectInto(output, expressions, source) }];
    },
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
