import { quotedString } from '@duckdb/node-api';
import type { TABULAR_TYPES } from '#shared/manifest/manifest.ts';

/** Types of columns by their values: how a value of each type is written, and the SQL (DuckDB's) that tests and converts it. */

export type TabularType = (typeof TABULAR_TYPES)[number] | 'json';

/** A column of the asset; `decimal` has digits. */
export interface ColumnType {
  type: TabularType;
  precision?: number;
  scale?: number;
}

export type Decimal = '.' | ',';

interface ValueType {
  type: TabularType;
  /** The plain notation of the type, with `.` for the decimal separator: a value has the type when it is written just so. */
  plain: string;
  /** What else is taken for it in a column that is declared to be of the type. */
  lenient: string;
  /** SQL that makes the plain notation of the lenient one. `text` is an SQL expression. */
  asPlain?: (text: string) => string;
  /** DuckDB's type. */
  sqlType: string;
  /** SQL that DuckDB can cast, where it can't cast the plain notation. */
  castable?: (text: string) => string;
  /** SQL: whether the type holds what a text says, where being castable is not enough. */
  holds?: (text: string) => string;
}

const DAY = String.raw`\d{4}-\d{2}-\d{2}`;
const CLOCK = String.raw`\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?`;
const ZONE = String.raw`(?:Z|[+-]\d{2}(?::?\d{2})?)`;
const NUMBER = String.raw`(?:\d+\.?\d*|\.\d+)`;
const TRUE = ['true', 't', 'yes', 'y', '1'];
const FALSE = ['false', 'f', 'no', 'n', '0'];
/** A double keeps any number of 15 digits; with a sign and a point that is 17 characters, but 16 are one test less. */
const SURE_DOUBLE_CHARACTERS = 16;
/** No program prints a double longer than this. */
const MAX_DOUBLE_CHARACTERS = 60;
/** Where the seconds of `2024-01-31T10:00:00` begin. DuckDB reads a zone only after seconds. */
const SECONDS_POSITION = 17;

const slashed = (text: string) => `replace(${text}, '/', '-')`;
const withSeconds = (text: string) =>
  `case when substr(${text}, ${SECONDS_POSITION}, 1) in (':', '') then ${text} else substr(${text}, 1, ${SECONDS_POSITION - 1}) || ':00' || substr(${text}, ${SECONDS_POSITION}) end`;

/** In the order in which they are tried; what fits none is text. A number with leading zeros (`00123`) or a plus is a code, so it stays text. */
export const VALUE_TYPES: readonly ValueType[] = [
  {
    type: 'boolean',
    sqlType: 'boolean',
    plain: 'true|false|TRUE|FALSE|True|False',
    lenient: `(?i:${[...TRUE, ...FALSE].join('|')})`,
    asPlain: (text) =>
      `case when lower(${text}) in (${TRUE.map(quotedString).join(', ')}) then 'true' else 'false' end`,
  },
  { type: 'bigint', sqlType: 'bigint', plain: String.raw`0|-?[1-9]\d{0,18}`, lenient: String.raw`[-+]?\d+` },
  {
    type: 'double',
    sqlType: 'double',
    plain: String.raw`-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?`,
    lenient: String.raw`[-+]?(?:${NUMBER}(?:[eE][-+]?\d{1,3})?|(?i:inf|infinity|nan))`,
    // DuckDB casts 1e400 to infinity, which is meant only where it is written.
    holds: (text) => `(isfinite(try_cast(${text} as double)) or contains(lower(${text}), 'n'))`,
  },
  {
    type: 'decimal',
    sqlType: 'varchar',
    plain: String.raw`-?(?:(?:0|[1-9]\d*)(?:\.\d+)?|\.\d+)`,
    lenient: String.raw`[-+]?${NUMBER}`,
  },
  { type: 'date', sqlType: 'date', plain: DAY, lenient: String.raw`\d{4}[-/]\d{1,2}[-/]\d{1,2}`, asPlain: slashed },
  {
    type: 'timestamp',
    sqlType: 'timestamp',
    plain: `${DAY}[T ]${CLOCK}`,
    lenient: String.raw`\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]${CLOCK})?`,
    asPlain: slashed,
  },
  {
    type: 'timestamptz',
    sqlType: 'timestamptz',
    plain: `${DAY}[T ]${CLOCK}${ZONE}`,
    lenient: String.raw`\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]${CLOCK} ?${ZONE}?)?`,
    asPlain: slashed,
    castable: withSeconds,
  },
];

const byType = new Map(
  VALUE_TYPES.map((valueType) => [
    valueType.type,
    { ...valueType, expression: new RegExp(`^(?:${valueType.plain.replaceAll('(?i:', '(?:')})$`) },
  ]),
);

/** True when a value is written as the type writes it, as far as that shows in its text. */
export function looksLike(type: TabularType, value: string, decimal: Decimal): boolean {
  const expression = byType.get(type)?.expression;
  return expression?.test(usesDecimal(type) && decimal === ',' ? commaToPoint(value) : value) ?? true;
}

/** SQL: true when a text is a value of the type in its plain notation, and keeps its meaning; null or false when it is not. */
export function fitsSql(type: TabularType, text: string, decimal: Decimal): string {
  const valueType = byType.get(type);
  if (valueType === undefined) return 'true';
  const value = numberText(type, text, decimal);
  const written = `regexp_full_match(${value}, ${quotedString(valueType.plain)})`;
  if (type !== 'double') return `(${written} and ${isCastable(valueType, value)})`;
  // Others must come back as they were: a long whole number is an id, and digits that a double would lose are a decimal's.
  return `(${written} and case when length(${value}) <= ${SURE_DOUBLE_CHARACTERS} then ${isCastable(valueType, value)}
    when length(${value}) > ${MAX_DOUBLE_CHARACTERS} or not regexp_matches(${value}, '[.eE]') then false
    when try_cast(${value} as double)::varchar = ${value} then true else ${comesBack(value)} end)`; // The shortest form is the usual one, and quick to test.
}

/** SQL: true when a double, printed with as many digits as the text has, has the same ones. So `0.10000000000000001` is a double, as C prints it. */
function comesBack(text: string): string {
  const digits = significantDigits(text);
  return `${significantDigits(`format('{:.' || (greatest(length(${digits}), 1) - 1) || 'e}', try_cast(${text} as double))`)} = ${digits}`;
}

/** SQL: the digits of a number that count, whatever its notation: `1.50e-07` and `1.5e-7` have the same. */
function significantDigits(text: string): string {
  return `trim(regexp_replace(split_part(lower(${text}), 'e', 1), '[^0-9]', '', 'g'), '0')`;
}

/** SQL: true when a text of a column that is declared to be of the type can be read as one, else false. */
export function readableSql(type: TabularType, text: string, decimal: Decimal): string {
  const valueType = byType.get(type);
  if (valueType === undefined) return 'true';
  const value = numberText(type, `trim(${text})`, decimal);
  return `coalesce(regexp_full_match(${value}, ${quotedString(valueType.lenient)}) and ${isCastable(valueType, valueType.asPlain?.(value) ?? value)}, false)`;
}

/** SQL: there is no 30 February, however well it is written. */
function isCastable({ sqlType, castable, holds }: ValueType, text: string): string {
  return holds?.(text) ?? `try_cast(${castable?.(text) ?? text} as ${sqlType}) is not null`;
}

/** SQL that converts a text: one that fits, or with `lenient` one that is readable. */
export function convertSql(column: ColumnType, text: string, decimal: Decimal, lenient: boolean): string {
  if (column.type === 'text') return text;
  if (column.type === 'json') return `cast(${text} as json)`;
  const valueType = byType.get(column.type);
  const value = numberText(column.type, lenient ? `trim(${text})` : text, decimal);
  if (column.type === 'decimal') return `cast(${value} as decimal(${column.precision ?? 18}, ${column.scale ?? 3}))`;
  const plain = lenient ? (valueType?.asPlain?.(value) ?? value) : value;
  const converted = `cast(${valueType?.castable?.(plain) ?? plain} as ${valueType?.sqlType ?? 'varchar'})`;
  return lenient && column.type === 'boolean' ? `case when ${text} is not null then ${converted} end` : converted;
}

/** The type as the ledger names it: as PostgreSQL's format_type() does. */
export function ledgerType({ type, precision, scale }: ColumnType): string {
  switch (type) {
    case 'double':
      return 'double precision';
    case 'decimal':
      return `numeric(${precision},${scale})`;
    case 'timestamp':
      return 'timestamp without time zone';
    case 'timestamptz':
      return 'timestamp with time zone';
    default:
      return type;
  }
}

function usesDecimal(type: TabularType): boolean {
  return type === 'double' || type === 'decimal';
}

/** With a decimal comma, a point is no part of a number: it becomes something that no number has. */
function commaToPoint(value: string): string {
  return value.replaceAll(/[.,]/g, (character) => (character === ',' ? '.' : '_'));
}

function numberText(type: TabularType, text: string, decimal: Decimal): string {
  return usesDecimal(type) && decimal === ',' ? `translate(${text}, '.,', '_.')` : text;
}
