import format from 'pg-format';
import { z } from 'zod';
import { type Aggregate, aggregateColumn, AggregateSchema } from './aggregates.ts';
import { classOf } from './column-class.ts';
import { attributeColumn, checkFreeName, ColumnName } from './columns.ts';
import { invalidParameter } from './invalid-parameter.ts';
import { columnSql, type RecipeStep, selectInto, type TableFacts } from './step.ts';
import type { TableColumn } from '#shared/postgis/table-columns.ts';

/** Columns of a group, and of what is computed of it. */
const MAX_COLUMNS = 100;

/** Parameters of the steps that make one feature of several. */
export const GroupingShape = {
  by: z
    .array(ColumnName)
    .max(MAX_COLUMNS)
    .default([])
    .describe('Features with the same values in these columns become one. All of them when empty.'),
  aggregates: z
    .array(AggregateSchema)
    .max(MAX_COLUMNS)
    .default([])
    .describe('Columns to compute of the features of a group. Columns that are not named are left out.'),
};

interface Grouping {
  by: string[];
  aggregates: Aggregate[];
}

interface Grouped {
  columns: TableColumn[];
  expressions: [name: string, sql: string][];
  groupBy: string;
}

/** A step that makes one feature of each group. Its geometry is `geometryOfGroup`, its number the lowest of the group. */
export function groupingStep(
  grouping: Grouping,
  path: string,
  geometryOfGroup: (facts: TableFacts) => string,
): Pick<RecipeStep, 'plan' | 'columnsAfter' | 'note'> {
  return {
    plan: ({ input, output }, facts) => {
      const { expressions, groupBy } = grouped(grouping, facts, path, geometryOfGroup(facts));
      // Without columns to group by, an empty table would give one feature.
      return [
        { sql: selectInto(output, expressions, format('%I as t group by %s having count(*) > 0', input, groupBy)) },
      ];
    },
    columnsAfter: (facts) => grouped(grouping, facts, path, geometryOfGroup(facts)).columns,
    note: ({ before, after }) =>
      after === before ? undefined : { code: 'FEATURES_MERGED', message: `${before} features became ${after}.` },
  };
}

function grouped({ by, aggregates }: Grouping, facts: TableFacts, path: string, geometry: string): Grouped {
  const kept = by.map((name, index) => groupColumn(name, facts, `${path}.by[${index}]`));
  const names = [...new Set(kept.map((column) => column.name))];
  const computed = aggregates.map((aggregate, index) =>
    aggregateColumn(aggregate, facts, `${path}.aggregates[${index}]`),
  );
  aggregates.forEach(({ as }, index) =>
    checkFreeName(
      as,
      [...names, ...aggregates.slice(0, index).map((other) => other.as)],
      facts,
      `${path}.aggregates[${index}].as`,
    ),
  );
  const columns = facts.columns.filter(
    ({ name }) => name === facts.keyColumn || names.includes(name) || name === facts.geometryColumn,
  );
  const attributes = columns.filter(({ name }) => name !== facts.geometryColumn);
  const expression = ({ name }: TableColumn): [string, string] => [
    name,
    name === facts.keyColumn ? `min(${columnSql(name)})` : columnSql(name),
  ];
  return {
    columns: [
      ...attributes,
      ...computed.map(({ column }) => column),
      ...columns.filter(({ name }) => name === facts.geometryColumn),
    ],
    expressions: [
      ...attributes.map(expression),
      ...computed.map(({ column, sql }): [string, string] => [column.name, sql]),
      [facts.geometryColumn, geometry],
    ],
    groupBy: names.length === 0 ? '()' : names.map(columnSql).join(', '),
  };
}

function groupColumn(name: string, facts: TableFacts, path: string): TableColumn {
  const column = attributeColumn(name, facts, path);
  if (classOf(column) === 'other')
    throw invalidParameter(path, `features cannot be grouped by ${JSON.stringify(name)}, which is ${column.type}.`, {
      column: name,
      type: column.type,
    });
  return column;
}
