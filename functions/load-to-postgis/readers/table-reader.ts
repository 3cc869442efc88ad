import type { Note } from '#shared/contracts/shared-schemas.ts';
import { isWrittenAs } from '#shared/tables/infer/value-types.ts';
import { CopyRows } from './copy-rows.ts';

/** A column of a table that Sluice reads itself, and how its values are written in COPY BINARY. */
export interface RowColumn {
  name: string;
  /** The type in PostgreSQL. */
  type: RowType;
  /** GDAL's name of the declared type, such as `String(JSON)`. */
  declared: string;
}

export type RowType =
  | 'boolean'
  | 'smallint'
  | 'integer'
  | 'bigint'
  | 'numeric'
  | 'real'
  | 'double precision'
  | 'character varying'
  | 'bytea'
  | 'date'
  | 'time without time zone'
  | 'timestamp without time zone'
  | 'timestamp with time zone';

/** The texts of dates and times, by the type that holds them. All other texts stay text. */
export type TimeType = Extract<RowType, 'date' | `time${string}`>;

/** PostgreSQL counts days and microseconds from 2000-01-01. */
const EPOCH_MS = Date.UTC(2000, 0, 1);
const DAY_MS = 86_400_000;
const DATE_TIME =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?(?:(Z)|([+-])(\d{2}):?(\d{2})?)?)?$/;
const TIME = /^([01]\d|2[0-3]):([0-5]\d)(?::([0-5]\d)(?:\.(\d{1,6}))?)?$/;

/** The type of a text that is a date or a time in ISO 8601 and exists in the calendar; undefined for another text. */
export function timeTypeOf(text: string): TimeType | undefined {
  if (TIME.test(text)) return 'time without time zone';
  const type = isWrittenAs('date', text)
    ? 'date'
    : isWrittenAs('timestamp', text)
      ? 'timestamp without time zone'
      : isWrittenAs('timestamptz', text)
        ? 'timestamp with time zone'
        : undefined;
  return type === undefined || parseDateTime(text) === undefined ? undefined : type;
}

/** Milliseconds since 2000 of the text, in its time zone else in UTC, and further microseconds. */
function parseDateTime(text: string): { ms: number; micros: number } | undefined {
  const parts = DATE_TIME.exec(text);
  if (parts === null) return undefined;
  const [year, month, day, hour, minute, second] = parts
    .slice(1, 7)
    .map((part: string | undefined) => Number(part ?? 0));
  const date = new Date(0);
  date.setUTCFullYear(year ?? 0, (month ?? 1) - 1, day);
  if (date.getUTCMonth() + 1 !== month || date.getUTCDate() !== day) return undefined;
  if ((hour ?? 0) > 23 || (minute ?? 0) > 59 || (second ?? 0) > 59) return undefined;
  const fraction = Number((parts[7] ?? '').padEnd(6, '0'));
  const offset = (Number(parts[10] ?? 0) * 60 + Number(parts[11] ?? 0)) * (parts[9] === '-' ? -1 : 1);
  const ms = date.setUTCHours(hour ?? 0, (minute ?? 0) - offset, second, Math.floor(fraction / 1000));
  return { ms: ms - EPOCH_MS, micros: fraction % 1000 };
}

/** Writes a text for which `timeTypeOf` is `type`. */
export function writeTime(rows: CopyRows, type: TimeType, text: string): void {
  if (type === 'time without time zone') {
    const [, hour, minute, second, fraction = ''] = TIME.exec(text) ?? [];
    const seconds = (Number(hour) * 60 + Number(minute)) * 60 + Number(second ?? 0);
    return rows.int64(seconds * 1_000_000 + Number(fraction.padEnd(6, '0')));
  }
  const { ms, micros } = parseDateTime(text) ?? { ms: NaN, micros: 0 };
  if (type === 'date') rows.int32(ms / DAY_MS);
  else rows.int64(BigInt(ms) * 1000n + BigInt(micros));
}

/** The type that PostgreSQL has for a type that GDAL declares. A text has no width, so that no value is cut. */
export function declaredType(declared: string): RowType {
  switch (declared) {
    case 'Integer(Boolean)':
      return 'boolean';
    case 'Integer(Int16)':
      return 'smallint';
    case 'Integer':
      return 'integer';
    case 'Integer64':
      return 'bigint';
    case 'Real(Float32)':
      return 'real';
    case 'Real':
      return 'double precision';
    case 'Date':
      return 'date';
    case 'Time':
      return 'time without time zone';
    case 'DateTime':
      return 'timestamp with time zone';
    case 'Binary':
      return 'bytea';
    default:
      return 'character varying';
  }
}

export function typeNote(file: string, column: string, declared: string, type: string, reason: string): Note {
  return {
    code: 'COLUMN_TYPE_CHANGED',
    file,
    column,
    message: `Column ${JSON.stringify(column)} is declared as ${declared}, but ${reason}. It is stored as ${type}.`,
  };
}

export function mixedNote(file: string, column: string): Note {
  return {
    code: 'COLUMN_MIXED',
    file,
    column,
    message: `Column ${JSON.stringify(column)} contains values of different types. It is stored as text.`,
  };
}

/** A source of rows: a key from 1, a geometry as EWKB, and the columns, in COPY BINARY without header and trailer. */
export interface TableReader {
  columns: RowColumn[];
  notes: Note[];
  /** Rows whose geometry cannot be read; complete after the last block. Their geometry is null. */
  unreadable: UnreadableRows;
  /** Yields whole rows, in blocks of about this size. */
  blocks(blockBytes: number): Generator<Uint8Array<ArrayBuffer>>;
  close(): void;
}

/** Largest number of rows that a note names. */
export const MAX_NAMED_ROWS = 10;

/** Counts rows, and keeps the first ones. */
export class UnreadableRows {
  count = 0;
  readonly first: number[] = [];

  add(row: number): void {
    if (this.count++ < MAX_NAMED_ROWS) this.first.push(row);
  }
}
