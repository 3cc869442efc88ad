import format from 'pg-format';
import { classOf } from './column-class.ts';
import { attributeColumn } from './columns.ts';
import type { Condition } from './filter-conditions.ts';
import { literal } from './filter-values.ts';
import { invalidParameter } from './invalid-parameter.ts';
import { columnSql, type TableFacts } from './step.ts';

/** SQL over alias `t` that is true when the condition holds; not true when the column is null, but for is_null. Throws RECIPE_INVALID. */
export function conditionSql(condition: Condition, facts: TableFacts, path: string): string {
  const column = attributeColumn(condition.column, facts, `${path}.column`);
  const name = columnSql(column.name);
  switch (condition.op) {
    case 'is_null':
      return `${name} is null`;
    case 'is_not_null':
      return `${name} is not null`;
    case 'in':
    case 'not_in': {
      const values = condition.value.map((value, index) => literal(value, column, `${path}.value[${index}]`));
      return `${name} ${condition.op === 'in' ? 'in' : 'not in'} (${values.join(', ')})`;
    }
    case 'contains':
    case 'starts_with':
    case 'ends_with':
      if (classOf(column) !== 'text')
        throw invalidParameter(
          `${path}.op`,
          `${condition.op} is for texts, and column ${JSON.stringify(column.name)} is ${column.type}.`,
          { type: column.type },
        );
      return MATCHES[condition.op](name, condition.value);
    default:
      if (classOf(column) === 'boolean' && condition.op !== '=' && condition.op !== '!=') {
        throw invalidParameter(
          `${path}.op`,
          `column ${JSON.stringify(column.name)} is boolean, which compares with = and != only.`,
          { type: column.type },
        );
      }
      return `${name} ${condition.op} ${literal(condition.value, column, `${path}.value`)}`;
  }
}

/** Not LIKE: % and _ in a value mean themselves. */
const MATCHES = {
  contains: (name: string, text: string) => format('position(%L in %s) > 0', text, name),
  starts_with: (name: string, text: string) => format('starts_with(%s, %L)', name, text),
  ends_with: (name: string, text: string) => format('right(%s, %s) = %L', name, [...text].length, text),
};
