import format from 'pg-format';
import { columnSql, createTableAs, geometryOf, type RecipeStep, type TableFacts } from '../../step.ts';

/** Plans a table whose geometries that are no points are replaced by a point of theirs; none when all are points. Null and empty geometries stay. */
export function replacedByPoint(
  pointOf: (geometry: string) => string,
  says: string,
): Pick<RecipeStep, 'plan' | 'expression' | 'failure' | 'note'> {
  const expression = (facts: TableFacts) => pointOf(geometryOf(facts));
  const isOther = (facts: TableFacts) =>
    `GeometryType(${geometryOf(facts)}) <> 'POINT' and not ST_IsEmpty(${geometryOf(facts)})`;
  return {
    plan: ({ input, output, findings }, facts) => [
      {
        sql: format(
          'create unlogged table %I as select %s as feature from %I as t where %s',
          findings,
          columnSql(facts.keyColumn),
          input,
          isOther(facts),
        ),
        stopWhenEmpty: true,
        counts: 'changed_features',
      },
      {
        sql: createTableAs(
          output,
          format('%I as t', input),
          `case when ${isOther(facts)} then ${expression(facts)} else ${geometryOf(facts)} end`,
          facts,
        ),
      },
    ],
    expression,
    failure: { code: 'GEOMETRY_INVALID', says: 'has no such point' },
    note: ({ before, changed }) =>
      changed === 0
        ? undefined
        : { code: 'GEOMETRIES_REPLACED', message: `${changed} of ${before} features are represented by ${says}.` },
  };
}
