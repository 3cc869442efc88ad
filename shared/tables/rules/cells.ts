import type { ValueType } from '#shared/contracts/column-types.ts';
import { TYPE_RULES } from '../infer/value-types.ts';

/**
 * The rules for names, headers, blank rows and types that hold for all tables: delimited text, JSON lines and sheets
 * of workbooks. This folder contains pure functions; each reader gives its own cells to them.
 */

/** What the notation, or the type of a cell, states about a value. */
export type CellKind = 'number' | 'time' | 'boolean' | 'text';

/** A value of the first rows of a table. */
export interface Cell {
  text: string;
  kind: CellKind;
}

/** A row of cells; null where nothing is written. */
export type CellRow = readonly (Cell | null)[];

/** A row in which nothing is written. It is not a row of the table; readers skip it, and count it for a note. */
export function isBlankRow(row: readonly unknown[]): boolean {
  return row.every((cell) => cell === null || cell === undefined);
}

/**
 * The cell for a value of a text. Its kind ignores the declared notation of numbers and dates, because it only
 * distinguishes names from values.
 */
export function textCell(text: string): Cell {
  return { text, kind: kindOfText(text.trim()) };
}

const NUMBER = /^[-+]?(\d+([.,]\d*)?|[.,]\d+)(e[-+]?\d+)?$/i;
const OTHER_NUMBER =
  /^[-+]?\d{1,3}(([ \u00a0\u202f]\d{3})*|(,\d{3})*|(\.\d{3})*|(['’]\d{3})*)([.,]\d+)?([ \u00a0\u202f]?%)?$/;
const TIME = /^\d{4}-\d\d-\d\d([T ]\d\d:\d\d.*)?$/;
const OTHER_DATE = /^(\d{1,2}[./-]\d{1,2}[./-]\d{4}|\d{4}[./]\d{1,2}[./]\d{1,2})([T ]\d{1,2}:\d\d.*)?$/;

function kindOfText(text: string): CellKind {
  if (/^(true|false)$/i.test(text)) return 'boolean';
  if (NUMBER.test(text) || OTHER_NUMBER.test(text)) return 'number';
  if (TIME.test(text) || OTHER_DATE.test(text)) return 'time';
  return 'text';
}

const MISSING =
  /^(?:[-–—?.*…/_]+|n\/?a|nan|nil|null|none|missing|unknown|not available|no data|#n\/a|\(null\)|k\. ?a\.)$/i;

/**
 * Whether a text is one that tables use for "no value", such as `-`, `n/a` and `..`. Only for headers and notes: values
 * become null by `null_values` of the manifest.
 */
export function looksMissing(text: string): boolean {
  return MISSING.test(text.trim());
}

/** What the source declares about the values of a column. A `string` of JSON can hold a time; a `text` is text. */
export type DeclaredKind = 'number' | 'boolean' | 'time' | 'string' | 'text' | 'json';

const CANDIDATES: Record<DeclaredKind, readonly ValueType[]> = {
  number: ['bigint', 'double', 'decimal'],
  boolean: ['boolean'],
  time: ['date', 'timestamp', 'timestamptz'],
  string: ['date', 'timestamp', 'timestamptz'],
  text: [],
  json: [],
};

/**
 * The types that a column can have in a source that declares the kind of each value. Values of several kinds are text.
 * A column without values can have all types, because another file can have values.
 */
export function typesOfKinds(kinds: Iterable<DeclaredKind>): { candidates: readonly ValueType[]; fixed?: 'json' } {
  const [only, ...others] = new Set(kinds);
  if (only === undefined) return { candidates: TYPE_RULES.map(({ type }) => type) };
  if (others.length > 0) return { candidates: [] };
  return only === 'json' ? { candidates: [], fixed: 'json' } : { candidates: CANDIDATES[only] };
}
