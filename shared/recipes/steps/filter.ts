import format from 'pg-format';
import { z } from 'zod';
import type { TableColumn } from '#shared/postgis/table-checks.ts';
import { attributeColumn, ColumnName, invalidParameter, postgresText } from '../parameters/columns.ts';
import { classOf, type ColumnClass } from '../sql/column-class.ts';
import { defineStep, type StepContext } from '../recipe-step.ts';
import { columnSql, createTableAs, geometryOf } from '../sql/select.ts';

/** Longest text that a column is compared with. */
const MAX_TEXT_LENGTH = 1024;
/** Values of `in`. Longer lists belong in a table, to join with. */
const MAX_VALUES = 1000;

const Text = postgresText('must be a string').max(MAX_TEXT_LENGTH);
const Value = z.union([Text, z.number(), z.boolean()], { error: 'must be a string, a number, true or false' });

const Compare = z.strictObject({ column: ColumnName, op: z.enum(['=', '!=', '<', '<=', '>', '>=']), value: Value });
const OneOf = z.strictObject({
  column: ColumnName,
  op: z.enum(['in', 'not_in']),
  value: z.array(Value).min(1).max(MAX_VALUES),
});
const Match = z.strictObject({ column: ColumnName, op: z.enum(['contains', 'starts_with', 'ends_with']), value: Text });
const Missing = z.strictObject({ column: ColumnName, op: z.enum(['is_null', 'is_not_null']) });

const OPERATORS = [Compare, OneOf, Match, Missing].flatMap((condition): string[] => condition.shape.op.options);

/** A condition on a column, in a manifest. */
const ConditionSchema = z.discriminatedUnion('op', [Compare, OneOf, Match, Missing], {
  error: ({ code }) =>
    code === 'invalid_union' ? `must be one of ${OPERATORS.map((op) => JSON.stringify(op)).join(', ')}` : undefined,
});
type Condition = z.infer<typeof ConditionSchema>;
type ConditionValue = z.infer<typeof Value>;

/**
 * SQL over alias `t` that is true when the condition holds. A null value fulfills no condition except is_null. Throws
 * RECIPE_INVALID.
 */
function conditionSql(condition: Condition, context: StepContext, path: string): string {
  const column = attributeColumn(condition.column, context, `${path}.column`);
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
          `${condition.op} requires a text column; ${JSON.stringify(column.name)} is ${column.type}.`,
          { type: column.type },
        );
      return MATCHES[condition.op](name, condition.value);
    default:
      if (classOf(column) === 'boolean' && condition.op !== '=' && condition.op !== '!=') {
        throw invalidParameter(
          `${path}.op`,
          `column ${JSON.stringify(column.name)} is boolean, which supports only = and !=.`,
          { type: column.type },
        );
      }
      return `${name} ${condition.op} ${literal(condition.value, column, `${path}.value`)}`;
  }
}

/** LIKE is not used, because % and _ in the value would be wildcards. */
const MATCHES = {
  contains: (name: string, text: string) => format('position(%L in %s) > 0', text, name),
  starts_with: (name: string, text: string) => format('starts_with(%s, %L)', name, text),
  ends_with: (name: string, text: string) => format('right(%s, %s) = %L', name, [...text].length, text),
};

const NUMBER = /^[+-]?\d+(\.\d+)?$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$/;
const ZONE = /(Z|[+-]\d{2}:\d{2})$/;

/** The values that each class of column can be compared with, and their description for messages. */
const ACCEPTED: Record<Exclude<ColumnClass, 'other'>, { test(value: ConditionValue): boolean; description: string }> = {
  text: { test: (value) => typeof value === 'string', description: 'a string' },
  integer: { test: isNumber, description: 'a number' },
  float: { test: isNumber, description: 'a number' },
  decimal: { test: isNumber, description: 'a number' },
  boolean: { test: (value) => typeof value === 'boolean', description: 'true or false' },
  date: { test: (value) => typeof value === 'string' && isDate(value), description: 'a date such as "2025-03-31"' },
  timestamp: {
    test: (value) => typeof value === 'string' && isTimestamp(value),
    description: 'a time without zone such as "2025-03-31T12:00:00"',
  },
  timestamptz: {
    test: (value) => typeof value === 'string' && isTimestamp(value.replace(ZONE, '')),
    description: 'a time such as "2025-03-31T12:00:00Z" (UTC when it has no zone)',
  },
};

/**
 * A value as an SQL literal for a comparison with the column. Throws RECIPE_INVALID when the types differ. Integers and
 * decimals are compared as numeric, which is exact; floating-point columns are compared in their own type.
 */
function literal(value: ConditionValue, column: TableColumn, path: string): string {
  const kind = classOf(column);
  if (kind === 'other')
    throw invalidParameter(path, `a column of type ${column.type} supports only is_null and is_not_null.`, {
      type: column.type,
    });
  if (!ACCEPTED[kind].test(value))
    throw invalidParameter(
      path,
      `column ${JSON.stringify(column.name)} is ${column.type}, so the value must be ${ACCEPTED[kind].description}.`,
      { type: column.type },
    );
  return format('%L::%s', String(value), literalType(kind, column));
}

function literalType(kind: Exclude<ColumnClass, 'other'>, column: TableColumn): string {
  if (kind === 'float') return column.base;
  return kind === 'integer' || kind === 'decimal' ? 'numeric' : kind;
}

/** A number, or a text with more digits than a JSON number keeps. */
function isNumber(value: ConditionValue): boolean {
  return typeof value === 'number' || (typeof value === 'string' && NUMBER.test(value));
}

/** Rejects dates that do not exist, such as 2025-02-30. */
function isDate(text: string): boolean {
  const time = DATE.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

function isTimestamp(text: string): boolean {
  const [day = '', time] = text.split(/[T ]/);
  return isDate(day) && (time === undefined || (TIME.test(time) && !Number.isNaN(Date.parse(`${day}T${time}Z`))));
}

/** More conditions belong in a table, to join with. */
const MAX_CONDITIONS = 100;
const Conditions = z.array(ConditionSchema).min(1).max(MAX_CONDITIONS);

export const filter = defineStep({
  summary:
    'Keeps the features that fulfill all conditions of `all` and at least one condition of `any`. ' +
    'A null value fulfills no condition except `is_null`.',
  schema: z
    .strictObject({
      step: z.literal('filter'),
      all: Conditions.optional().describe('Conditions `{"column", "op", "value"}` that must all be true.'),
      any: Conditions.optional().describe(
        'Conditions of which at least one must be true. One of the two lists is required.',
      ),
    })
    .refine(({ all, any }) => all !== undefined || any !== undefined, 'requires conditions in "all" or "any"'),
  example: {
    step: 'filter',
    all: [{ column: 'status', op: '=', value: 'built' }],
    any: [
      { column: 'kind', op: 'in', value: ['house', 'school'] },
      { column: 'height', op: '>=', value: 10 },
    ],
  },
  bind: ({ all = [], any = [] }, path) => {
    const where = (context: StepContext) =>
      [...conditionsSql(all, context, `${path}.all`), anyOf(conditionsSql(any, context, `${path}.any`))]
        .filter((sql) => sql !== '')
        .join(' and ');
    return {
      plan: ({ input, output }, context) => [
        {
          sql: createTableAs(
            output,
            `${format('%I as t', input)} where ${where(context)}`,
            geometryOf(context),
            context,
          ),
        },
      ],
      columnsAfter: (context) => {
        where(context); // Throws for an unknown column or a wrong value, before the first statement runs.
        return context.columns;
      },
      note: ({ before, after }) =>
        after === before
          ? undefined
          : { code: 'FEATURES_FILTERED', message: `The filter removed ${before - after} of ${before} features.` },
    };
  },
});

function conditionsSql(conditions: readonly Condition[], context: StepContext, path: string): string[] {
  return conditions.map((condition, index) => conditionSql(condition, context, `${path}[${index}]`));
}

function anyOf(conditions: readonly string[]): string {
  return conditions.length === 0 ? '' : `(${conditions.join(' or ')})`;
}
