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
  /** SQL that is null or false when the value, though written right, has no such value: 30 February. `text` is an SQL expression. */
  test: (text: string) => string;
  cast: (text: string) => string;
}

const DAY = String.raw`\d{4}-\d{2}-\d{2}`;
const CLOCK = String.raw`\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?`;
const ZONE = String.raw`(?:Z|[+-]\d{2}(?::?\d{2})?)`;
const NUMBER = String.raw`(?:\d+\.?\d*|\.\d+)`;
const TRUE = ['true', 't', 'yes', 'y', '1'];
const FALSE = ['false', 'f', 'no', 'n', '0'];
/** A double keeps any number of 15 digits; with a sign and a point that is 17 characters, but 16 are one test less. */
const SURE_DOUBLE_CHARACTERS = 16;

const tryCast = (sqlType: string) => (text: string) => `try_cast(${text} as ${sqlType}) is not null`;
const castTo = (sqlType: string) => (text: string) => `cast(${text} as ${sqlType})`;
/** DuckDB reads a zone only after seconds. */
const withSeconds = (text: string) => String.raw`regexp_replace(${text}, '([T ]\d{2}:\d{2})($|[Z+-])', '\1:00\2')`;
const slashed = (text: string) => `replace(${text}, '/', '-')`;

/** In the order in which they are tried; what fits none is text. A number with leading zeros (`00123`) or a plus is a code, so it stays text. */
export const VALUE_TYPES: readonly ValueType[] = [
  {
    type: 'boolean', plain: 'true|false|TRUE|FALSE|True|False', lenient: `(?i:${[...TRUE, ...FALSE].join('|')})`,
    test: () => 'true', cast: (text) => `(lower(${text}) in (${TRUE.map(quotedString).join(', ')}))`,
  },
  { type: 'bigint', plain: String.raw`0|-?[1-9]\d{0,18}`, lenient: String.raw`[-+]?\d+`, test: tryCast('bigint'), cast: castTo('bigint') },
  {
    type: 'double', plain: String.raw`-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?`, lenient: String.raw`[-+]?(?:${NUMBER}(?:[eE][-+]?\d{1,3})?|(?i:inf|infinity|nan))`,
    test: tryCast('double'), cast: castTo('double'),
  },
  { type: 'decimal', plain: String.raw`-?(?:(?:0|[1-9]\d*)(?:\.\d+)?|\.\d+)`, lenient: String.raw`[-+]?${NUMBER}`, test: () => 'true', cast: castTo('decimal') },
  { type: 'date', plain: DAY, lenient: String.raw`\d{4}([-/])\d{1,2}[-/]\d{1,2}`, test: (text) => tryCast('date')(slashed(text)), cast: (text) => castTo('date')(slashed(text)) },
  {
    type: 'timestamp', plain: `${DAY}[T ]${CLOCK}`, lenient: String.raw`\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]${CLOCK})?`,
    test: (text) => tryCast('timestamp')(slashed(text)), cast: (text) => castTo('timestamp')(slashed(text)),
  },
  {
    type: 'timestamptz', plain: `${DAY}[T ]${CLOCK}${ZONE}`, lenient: String.raw`\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]${CLOCK} ?${ZONE}?)?`,
    test: (text) => tryCast('timestamptz')(withSeconds(slashed(text))), cast: (text) => castTo('timestamptz')(withSeconds(slashed(text))),
  },
];

const byType = new Map(VALUE_TYPES.map((valueType) => [valueType.type, { ...valueType, expression: new RegExp(`^(?:${valueType.plain.replaceAll('(?i:', '(?:')})$`) }]));

/** True when a value is written as the type writes it, as far as that shows in its text. */
export function looksLike(type: TabularType, value: string, decimal: Decimal): boolean {
  const expression = byType.get(type)?.expression;
  return expression?.test(usesDecimal(type) && decimal === ',' ? commaToPoint(value) : value) ?? true;
}

/** SQL: true when a text is a value of the type in its plain notation, and keeps its meaning; null when it is null. */
export function fitsSql(type: TabularType, text: string, decimal: Decimal): string {
  const valueType = byType.get(type);
  if (valueType === undefined) return 'true';
  const value = numberText(type, text, decimal);
  const written = `regexp_full_match(${value}, ${quotedString(valueType.plain)})`;
  if (type !== 'double') return `(${written} and ${valueType.test(value)})`;
  // A number of more digits than a double keeps has another text when it comes back.
  return `(${written} and case when length(${value}) <= ${SURE_DOUBLE_CHARACTERS} then ${valueType.test(value)} else try_cast(${value} as double)::varchar = ${value} end)`;
}

/** SQL: true when a text of a column that is declared to be of the type can be read as one; null when it is null. */
export function readableSql(type: TabularType, text: string, decimal: Decimal): string {
  const valueType = byType.get(type);
  if (valueType === undefined) return 'true';
  const value = numberText(type, `trim(${text})`, decimal);
  return `coalesce(regexp_full_match(${value}, ${quotedString(valueType.lenient)}) and ${valueType.test(value)}, false)`;
}

/** SQL that converts a text that was found to fit or to be readable. */
export function convertSql(column: ColumnType, text: string, decimal: Decimal): string {
  if (column.type === 'text') return text;
  if (column.type === 'json') return `cast(${text} as json)`;
  const value = numberText(column.type, `trim(${text})`, decimal);
  if (column.type === 'decimal') return `cast(${value} as decimal(${column.precision ?? 18}, ${column.scale ?? 3}))`;
  return byType.get(column.type)?.cast(value) ?? text;
}

/** The type as the ledger names it: as PostgreSQL's format_type() does. */
export function ledgerType({ type, precision, scale }: ColumnType): string {
  switch (type) {
    case 'double': return 'double precision';
    case 'decimal': return `numeric(${precision},${scale})`;
    case 'timestamp': return 'timestamp without time zone';
    case 'timestamptz': return 'timestamp with time zone';
    default: return type;
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
