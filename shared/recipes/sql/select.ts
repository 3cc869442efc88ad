import format from 'pg-format';
import type { StepContext } from '../recipe-step.ts';

/** `create unlogged table OUTPUT as select EXPRESSION as NAME, … from SOURCE`. */
export function selectInto(
  output: string,
  columns: readonly [name: string, expression: string][],
  source: string,
): string {
  return format(
    'create unlogged table %I as select %s from %s',
    output,
    columns.map(([name, expression]) => format('%s as %I', expression, name)).join(', '),
    source,
  );
}

/** Creates a table with another geometry and all other columns unchanged. `source` is SQL with the alias `t`. */
export function createTableAs(output: string, source: string, geometry: string, context: StepContext): string {
  return selectInto(
    output,
    context.columns.map(({ name }) => [name, name === context.geometryColumn ? geometry : columnSql(name)]),
    source,
  );
}

/** Creates a table with some of the columns of `input`, unchanged. */
export function selectColumns(output: string, input: string, columns: readonly { name: string }[]): string {
  return selectInto(
    output,
    columns.map(({ name }) => [name, columnSql(name)]),
    format('%I as t', input),
  );
}

/** SQL for a column of the table with alias `t`. */
export function columnSql(name: string): string {
  return format('t.%I', name);
}

/** SQL for the geometry column of the table with alias `t`. */
export function geometryOf(context: Pick<StepContext, 'geometryColumn'>): string {
  return columnSql(context.geometryColumn);
}

/** Whether a geometry (SQL) is a collection. */
export function isCollection(geometry: string): string {
  return `GeometryType(${geometry}) = 'GEOMETRYCOLLECTION'`;
}
