import { quotedString } from '@duckdb/node-api';
import type { ColumnType, ValueType } from '#shared/contracts/column-types.ts';
import { normalizeSql, type Notation } from './notation.ts';
import { TRUE_TEXTS, TYPE_RULES, type TypeRule } from './value-types.ts';

/** SQL for DuckDB that tests and converts values. Parameters named `text` and `value` are SQL expressions. */

/**
 * A double keeps each number of 15 digits. With a sign and a point that is 17 characters; 16 avoids a test for both.
 * Only whole numbers of 16 digits can be beyond MAX_EXACT_INTEGER.
 */
const MAX_EXACT_CHARACTERS = 16;
/** A double keeps each whole number up to 2^53. */
const MAX_EXACT_INTEGER = 2 ** 53;
/** No program prints a double with more characters. */
const MAX_DOUBLE_CHARACTERS = 60;
/** The position of the colon before the seconds of `2024-01-31T10:00:00`. */
const SECONDS_POSITION = 17;
const DEFAULT_PRECISION = 18;
const DEFAULT_SCALE = 3;

const rules = new Map(TYPE_RULES.map((rule) => [rule.type, rule]));

/**
 * SQL: true when a text is a value of the type in its plain notation, and the type keeps its meaning; else false or
 * null.
 */
export function fitsSql(type: ValueType, text: string, notation: Notation): string {
  const rule = rules.get(type);
  if (rule === undefined) return 'true';
  const value = normalizeSql(type, text, notation);
  const isWritten = `regexp_full_match(${value}, ${quotedString(rule.plain)})`;
  return `(${isWritten} and ${type === 'double' ? isExactDouble(value) : isCastable(rule, value)})`;
}

/**
 * SQL: true when a double has the digits of a number. A longer whole number is an identifier, so it is text. Digits
 * that a double loses make the column decimal. The shortest notation of a double is the most frequent one and fast to
 * test.
 */
function isExactDouble(value: string): string {
  const double = `try_cast(${value} as double)`;
  return `case when length(${value}) < ${MAX_EXACT_CHARACTERS} then ${isInRange(value, double)}
    when length(${value}) = ${MAX_EXACT_CHARACTERS} then
      case when regexp_full_match(${value}, '[0-9]+') then try_cast(${value} as bigint) <= ${MAX_EXACT_INTEGER}
        else ${isInRange(value, double)} end
    when length(${value}) > ${MAX_DOUBLE_CHARACTERS} or not regexp_matches(${value}, '[.eE]') then false
    when ${double}::varchar = ${value} then true else ${hasSameDigits(value, double)} end`;
}

/**
 * SQL: false for 1e400, which DuckDB casts to infinity, and for 1e-400, which it casts to 0. CASE instead of OR,
 * because DuckDB would compute both operands of OR for all values, which takes four times as long.
 */
function isInRange(value: string, double: string): string {
  return `case when ${double} <> 0 then isfinite(${double}) else ${significantDigitsSql(value)} = '' end`;
}

/**
 * SQL: true when a double, printed with as many digits as the text has, has the same digits: 0.10000000000000001 is a
 * double.
 */
function hasSameDigits(value: string, double: string): string {
  const digits = significantDigitsSql(value);
  const decimals = `greatest(length(${digits}), 1) - 1`;
  return `${significantDigitsSql(`format('{:.' || (${decimals}) || 'e}', ${double})`)} = ${digits}`;
}

/** SQL: the significant digits of a number in any notation: `1.50e-07` and `1.5e-7` have the same. */
function significantDigitsSql(value: string): string {
  return `trim(regexp_replace(split_part(lower(${value}), 'e', 1), '[^0-9]', '', 'g'), '0')`;
}

/** SQL: true when a text of a column that is declared to have the type can be read as a value of it, else false. */
export function readableSql(type: ValueType, text: string, notation: Notation): string {
  const rule = rules.get(type);
  if (rule === undefined) return 'true';
  const value = normalizeSql(type, `trim(${text})`, notation);
  const isWritten = `regexp_full_match(${value}, ${quotedString(rule.lenient)})`;
  return `coalesce(${isWritten} and ${isCastable(rule, plainSql(type, value))}, false)`;
}

/** SQL: true when DuckDB can cast a value. It cannot cast 2024-02-30, which is written as a date. */
function isCastable({ type, sqlType }: TypeRule, value: string): string {
  // Of the texts in lenient notation, only inf and nan have an n.
  if (type === 'double')
    return `(contains(lower(${value}), 'n') or ${isInRange(value, `try_cast(${value} as double)`)})`;
  return `try_cast(${castableSql(type, value)} as ${sqlType}) is not null`;
}

/** SQL that converts a text: one that fits, or with `lenient` one that is readable. */
export function convertSql(column: ColumnType, text: string, notation: Notation, lenient: boolean): string {
  const { type, precision, scale } = column;
  if (type === 'text') return text;
  if (type === 'json') return `cast(${text} as json)`;
  const value = normalizeSql(type, lenient ? `trim(${text})` : text, notation);
  if (type === 'decimal')
    return `cast(${value} as decimal(${precision ?? DEFAULT_PRECISION}, ${scale ?? DEFAULT_SCALE}))`;
  const plain = lenient ? plainSql(type, value) : value;
  const converted = `cast(${castableSql(type, plain)} as ${rules.get(type)?.sqlType ?? 'varchar'})`;
  // The plain form of a boolean is never null.
  return lenient && type === 'boolean' ? `case when ${text} is not null then ${converted} end` : converted;
}

/** SQL: the plain notation of a value in the lenient one. */
function plainSql(type: ValueType, value: string): string {
  switch (type) {
    case 'boolean':
      return `case when lower(${value}) in (${TRUE_TEXTS.map(quotedString).join(', ')}) then 'true' else 'false' end`;
    case 'date':
    case 'timestamp':
    case 'timestamptz':
      return `replace(${value}, '/', '-')`;
    default:
      return value;
  }
}

/** SQL: a value in plain notation as DuckDB casts it. DuckDB reads a time zone only after seconds. */
function castableSql(type: ValueType, value: string): string {
  if (type !== 'timestamptz') return value;
  const minutes = `substr(${value}, 1, ${SECONDS_POSITION - 1})`;
  const rest = `substr(${value}, ${SECONDS_POSITION})`;
  return `case when substr(${rest}, 1, 1) in (':', '') then ${value} else ${minutes} || ':00' || ${rest} end`;
}
