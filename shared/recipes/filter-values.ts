import format from 'pg-format';
import { type ColumnClass, classOf } from './column-class.ts';
import type { ConditionValue } from './filter-conditions.ts';
import { invalidParameter } from './invalid-parameter.ts';
import type { TableColumn } from '#shared/postgis/table-columns.ts';

const NUMBER = /^[+-]?\d+(\.\d+)?$/;
const DATE = /^\d{4}-\d{2}-\d{2}$/;
const TIME = /^\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$/;
const ZONE = /(Z|[+-]\d{2}:\d{2})$/;

/** How a value is written for each class of column, and what is told of a value that is not. */
const WRITTEN: Record<Exclude<ColumnClass, 'other'>, { fits(value: ConditionValue): boolean; says: string }> = {
  text: { fits: (value) => typeof value === 'string', says: 'a text' },
  integer: { fits: isNumber, says: 'a number' },
  float: { fits: isNumber, says: 'a number' },
  decimal: { fits: isNumber, says: 'a number' },
  boolean: { fits: (value) => typeof value === 'boolean', says: 'true or false' },
  date: { fits: (value) => typeof value === 'string' && isDate(value), says: 'a date such as "2025-03-31"' },
  timestamp: {
    fits: (value) => typeof value === 'string' && isTimestamp(value),
    says: 'a time without zone such as "2025-03-31T12:00:00"',
  },
  timestamptz: {
    fits: (value) => typeof value === 'string' && isTimestamp(value.replace(ZONE, '')),
    says: 'a time such as "2025-03-31T12:00:00Z" (UTC when it has no zone)',
  },
};

/**
 * A value as an SQL literal that compares with the column. Throws RECIPE_INVALID when it is of another type.
 * Numbers compare exactly (as numeric) with whole numbers and decimals, and as what the column holds with floating-point numbers.
 */
export function literal(value: ConditionValue, column: TableColumn, path: string): string {
  const kind = classOf(column);
  if (kind === 'other')
    throw invalidParameter(path, `a column of type ${column.type} can only be tested with is_null and is_not_null.`, {
      type: column.type,
    });
  if (!WRITTEN[kind].fits(value))
    throw invalidParameter(
      path,
      `column ${JSON.stringify(column.name)} is ${column.type}, so the value must be ${WRITTEN[kind].says}.`,
      { type: column.type },
    );
  const type =
    kind === 'float'
      ? column.base
      : kind === 'integer' || kind === 'decimal'
        ? 'numeric'
        : kind === 'boolean'
          ? 'boolean'
          : kind;
  return format('%L::%s', String(value), type);
}

/** A number, or one with more digits than JSON carries, as a text. */
function isNumber(value: ConditionValue): boolean {
  return typeof value === 'number' || (typeof value === 'string' && NUMBER.test(value));
}

/** A day of the calendar: the 30th of February is none. */
function isDate(text: string): boolean {
  const time = DATE.test(text) ? Date.parse(`${text}T00:00:00Z`) : NaN;
  return !Number.isNaN(time) && new Date(time).toISOString().startsWith(text);
}

function isTimestamp(text: string): boolean {
  const [day = '', time] = text.split(/[T ]/);
  return isDate(day) && (time === undefined || (TIME.test(time) && !Number.isNaN(Date.parse(`${day}T${time}Z`))));
}
