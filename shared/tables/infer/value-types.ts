import type { ValueType } from '#shared/contracts/column-types.ts';
import { normalizer, type Notation } from './notation.ts';

/** How the values of one type are written, as regular expressions that both JavaScript and DuckDB (RE2) read. */
export interface TypeRule {
  type: ValueType;
  /**
   * The plain notation. A column has the type when all of its values are written so. Numbers have `.` for the decimal
   * separator. DuckDB and PostgreSQL both read it.
   */
  plain: string;
  /** The notation that is accepted in a column that is declared to have the type. */
  lenient: string;
  /** The name of the type in DuckDB. */
  sqlType: string;
}

/** Years from 0001 to 9999. PostgreSQL has no year 0. */
const YEAR = String.raw`(?:\d{3}[1-9]|\d{2}[1-9]\d|\d[1-9]\d{2}|[1-9]\d{3})`;
const DAY = String.raw`${YEAR}-\d{2}-\d{2}`;
const CLOCK = String.raw`\d{2}:\d{2}(?::\d{2}(?:\.\d{1,6})?)?`;
/** PostgreSQL reads offsets of less than 16 hours. */
const ZONE = String.raw`(?:Z|[+-](?:0\d|1[0-5])(?::?[0-5]\d)?)`;
const LENIENT_ZONE = String.raw`(?:Z|[+-]\d{2}(?::?\d{2})?)`;
const LENIENT_NUMBER = String.raw`(?:\d+\.?\d*|\.\d+)`;
/** Texts of true in the lenient notation of a boolean. */
export const TRUE_TEXTS = ['true', 't', 'yes', 'y', '1'];
const FALSE_TEXTS = ['false', 'f', 'no', 'n', '0'];

/**
 * The types of values, in the order in which they are tried. A column that has none of them is text. Numbers with
 * leading zeros (`00123`) or a plus sign are codes or telephone numbers, so they stay text.
 */
export const TYPE_RULES: readonly TypeRule[] = [
  {
    type: 'boolean',
    sqlType: 'boolean',
    plain: 'true|false|TRUE|FALSE|True|False',
    lenient: `(?i:${[...TRUE_TEXTS, ...FALSE_TEXTS].join('|')})`,
  },
  { type: 'bigint', sqlType: 'bigint', plain: String.raw`0|-?[1-9]\d{0,18}`, lenient: String.raw`[-+]?\d+` },
  {
    type: 'double',
    sqlType: 'double',
    plain: String.raw`-?(?:(?:0|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?`,
    lenient: String.raw`[-+]?(?:${LENIENT_NUMBER}(?:[eE][-+]?\d{1,3})?|(?i:inf|infinity|nan))`,
  },
  {
    type: 'decimal',
    sqlType: 'varchar',
    plain: String.raw`-?(?:(?:0|[1-9]\d*)(?:\.\d+)?|\.\d+)`,
    lenient: String.raw`[-+]?${LENIENT_NUMBER}`,
  },
  { type: 'date', sqlType: 'date', plain: DAY, lenient: String.raw`\d{4}[-/]\d{1,2}[-/]\d{1,2}` },
  {
    type: 'timestamp',
    sqlType: 'timestamp',
    plain: `${DAY}[T ]${CLOCK}`,
    lenient: String.raw`\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]${CLOCK})?`,
  },
  {
    type: 'timestamptz',
    sqlType: 'timestamptz',
    plain: `${DAY}[T ]${CLOCK}${ZONE}`,
    lenient: String.raw`\d{4}[-/]\d{2}[-/]\d{2}(?:[T ]${CLOCK} ?${LENIENT_ZONE}?)?`,
  },
];

const EXPRESSIONS = TYPE_RULES.map(({ type, plain }) => ({ type, expression: new RegExp(`^(?:${plain})$`) }));

/** Whether a value has the plain notation of a type. Its range and calendar are not checked. */
export function isWrittenAs(type: ValueType, value: string): boolean {
  return EXPRESSIONS.find((rule) => rule.type === type)?.expression.test(value) ?? true;
}

/**
 * The types that the values of a sample allow; all types for a sample without values. Spaces around a value are not
 * part of it.
 */
export function candidateTypes(
  sample: readonly (string | null)[],
  nullValues: readonly string[],
  notation: Notation,
): ValueType[] {
  const values = sample
    .map((value) => trimSpaces(value ?? ''))
    .filter((value) => value !== '' && !nullValues.includes(value));
  return EXPRESSIONS.filter(({ type, expression }) => {
    const normalize = normalizer(type, notation);
    return values.every((value) => expression.test(normalize(value)));
  }).map(({ type }) => type);
}

/** The text without the spaces around it, as trim() of DuckDB. */
function trimSpaces(text: string): string {
  let [start, end] = [0, text.length];
  while (text[start] === ' ') start++;
  while (end > start && text[end - 1] === ' ') end--;
  return text.slice(start, end);
}

/** Whether every text is a value of the type. */
export function acceptsAnyText(type: ValueType): boolean {
  return type === 'text' || type === 'json';
}
