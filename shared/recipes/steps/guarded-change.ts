import format from 'pg-format';
import { createTableAs, geometryOf, type TableFacts, unusedName } from '../step.ts';

/**
 * A table whose geometries are changed by `expression`, except where the change would lose the geometry or make it invalid:
 * these stay as they were. `unchanged` is SQL that is true when there is nothing to check.
 */
export function guardedChange(
  input: string,
  output: string,
  expression: string,
  facts: TableFacts,
  unchanged: (before: string, after: string) => string = () => 'false',
): string {
  const before = geometryOf(facts);
  const name = unusedName('changed', facts);
  const after = format('t.%I', name);
  const guarded = `case when ${unchanged(before, after)} then ${before} when ST_IsValid(${after}) and ST_IsEmpty(${after}) = ST_IsEmpty(${before}) then ${after} else ${before} end`;
  // offset 0 keeps the planner from computing the change once for each mention.
  return createTableAs(
    output,
    format('(select t.*, %s as %I from %I as t offset 0) as t', expression, name, input),
    guarded,
    facts,
  );
}
