import { SluiceError } from '#shared/errors/sluice-error.ts';

/** What a cell holds. The order is that of the messages about columns with cells of several kinds. */
export const CELL_KINDS = ['number', 'boolean', 'date', 'timestamp', 'time', 'text'] as const;
export type SheetCellKind = (typeof CELL_KINDS)[number];

/** What the number format of a cell shows. */
export type FormatKind = 'number' | 'date' | 'timestamp' | 'time' | 'duration';

/** The value of a cell, in the notation of docs/tabular.md. */
export interface CellValue {
  kind: SheetCellKind;
  text: string;
}

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
const WHOLE_NUMBER = /^-?\d+$/;
/** The digits of the largest bigint. */
const BIGINT_DIGITS = 19;
/** A number with these digits identifies each double. */
const DOUBLE_DIGITS = 17;

/**
 * The number of a cell in the shortest notation of the same double. Whole numbers keep all digits that the file has,
 * because some programs write longer numbers than Excel reads. Undefined for a text that is not a number.
 */
export function numberText(written: string): string | undefined {
  const number = Number(written);
  // Most numbers are written so. This test is faster than the expression.
  if (Math.abs(number) <= Number.MAX_SAFE_INTEGER && String(number) === written) return written;
  if (!NUMBER.test(written)) return undefined;
  if (!Number.isFinite(number)) return undefined;
  if (WHOLE_NUMBER.test(written) && number !== 0) return wholeNumberText(written, number);
  if (Object.is(number, -0)) return '-0';
  // A double of this size does not have the digits that it would be printed with.
  return Math.abs(number) > Number.MAX_SAFE_INTEGER ? number.toExponential() : String(number);
}

function wholeNumberText(written: string, number: number): string {
  const sign = number < 0 ? '-' : '';
  const digits = written.replace(/^-?0*/, '');
  if (digits.length <= BIGINT_DIGITS) return sign + digits;
  let significant = digits.length;
  while (digits[significant - 1] === '0') significant--;
  return significant <= DOUBLE_DIGITS ? number.toExponential() : sign + digits;
}

const MS_PER_DAY = 86_400_000;
/** Days from 1970-01-01 to the day before serial number 1, see dayOfSerial. */
const EPOCH_1900 = -25_568;
const EPOCH_1904 = -24_107;
/** Excel treats 1900 as a leap year: serial number 60 is 29 February 1900, which did not exist. */
const LEAP_DAY_1900 = 60;
/** 0001-01-01 and 9999-12-31, in days from 1970-01-01. */
const [FIRST_DAY, LAST_DAY] = [-719_162, 2_932_896];
/** The longest duration in days. Longer durations are read as numbers. */
const MAX_DURATION_DAYS = 1e7;

/**
 * The value of a number with a format of dates or times, as Excel shows it, to the millisecond. A time of day with a
 * format that shows only dates is kept. The days that do not exist, 1900-01-00 and 1900-02-29, are texts. Negative
 * numbers, which Excel does not show, are dates before 1900 as in LibreOffice. Undefined for a number that is not a
 * date.
 */
export function serialValue(
  serial: number,
  format: Exclude<FormatKind, 'number'>,
  is1904: boolean,
): CellValue | undefined {
  const ms = Math.round(serial * MS_PER_DAY);
  if (format === 'duration') return Math.abs(serial) < MAX_DURATION_DAYS ? durationValue(ms) : undefined;
  const serialDay = Math.floor(ms / MS_PER_DAY);
  const timeMs = ms - serialDay * MS_PER_DAY;
  // In the system of 1904, 0 is a day.
  if (serialDay === 0 && (format === 'time' || (!is1904 && timeMs > 0))) return { kind: 'time', text: clock(timeMs) };
  if (serialDay < 0 && format === 'time') return undefined;
  const isDate = timeMs === 0 && format === 'date';
  const written = (day: string, kind?: 'text'): CellValue => ({
    kind: kind ?? (isDate ? 'date' : 'timestamp'),
    text: isDate ? day : `${day}T${clock(timeMs)}`,
  });
  if (!is1904 && serialDay === 0) return written('1900-01-00', 'text');
  if (!is1904 && serialDay === LEAP_DAY_1900) return written('1900-02-29', 'text');
  const day = dayOfSerial(serialDay, is1904);
  return day >= FIRST_DAY && day <= LAST_DAY ? written(isoDay(day)) : undefined;
}

/** Days from 1970-01-01 to the day of a serial number of Excel. */
function dayOfSerial(serialDay: number, is1904: boolean): number {
  if (is1904) return EPOCH_1904 + serialDay;
  const isBetween = serialDay > 0 && serialDay < LEAP_DAY_1900;
  return EPOCH_1900 + serialDay - (isBetween ? 0 : 1);
}

/** Days that were written. Most tables have few of them. */
const isoDays = new Map<number, string>();
const MAX_ISO_DAYS = 10_000;

function isoDay(day: number): string {
  const known = isoDays.get(day);
  if (known !== undefined) return known;
  const text = new Date(day * MS_PER_DAY).toISOString().slice(0, 'YYYY-MM-DD'.length);
  if (isoDays.size >= MAX_ISO_DAYS) isoDays.clear();
  isoDays.set(day, text);
  return text;
}

/** A time of day as text, such as `12:30:15` or `12:30:15.250`. */
function clock(ms: number): string {
  const text = new Date(ms).toISOString().slice('YYYY-MM-DDT'.length, -1);
  return ms % 1000 === 0 ? text.slice(0, 'HH:MM:SS'.length) : text;
}

/** A duration as text: `36:15:00`. */
export function durationValue(ms: number): CellValue {
  const absolute = Math.abs(ms);
  const hours = Math.floor(absolute / 3_600_000);
  const rest = clock(absolute - hours * 3_600_000).slice('HH'.length);
  return { kind: 'time', text: `${ms < 0 ? '-' : ''}${String(hours).padStart(2, '0')}${rest}` };
}

const ISO_TIME = /^(\d{4}-\d\d-\d\d)?T?(?:(\d\d):(\d\d)(?::(\d\d(?:\.\d+)?))?Z?)?$/;

/**
 * The value of a cell that is written as a date or time of ISO 8601: cells of type `d` in XLSX, and dates in ODS.
 * Midnight with a format that shows only dates is a date. Other texts are unchanged.
 */
export function isoValue(written: string, format?: FormatKind): CellValue {
  const [, day, hours, minutes, seconds = '0'] = ISO_TIME.exec(written) ?? [];
  const ms = Math.round(Number(hours ?? 0) * 3_600_000 + Number(minutes ?? 0) * 60_000 + Number(seconds) * 1000);
  const isTime = hours !== undefined && Number(hours) < 24 && Number(minutes) < 60 && Number(seconds) < 60;
  const text: CellValue = { kind: 'text', text: written };
  if (day === undefined) return isTime && ms < MS_PER_DAY ? { kind: 'time', text: clock(ms) } : text;
  const start = Date.parse(day);
  // JavaScript reads 2023-02-30 as 2 March. PostgreSQL has no year 0.
  if (Number.isNaN(start) || isoDay(start / MS_PER_DAY) !== day || day.startsWith('0000')) return text;
  if (hours === undefined) return written === day ? { kind: 'date', text: day } : text;
  if (!isTime) return text;
  if (ms === 0 && format === 'date') return { kind: 'date', text: day };
  const rounded = new Date(start + ms).toISOString();
  return { kind: 'timestamp', text: `${rounded.slice(0, 'YYYY-MM-DDT'.length)}${clock(ms % MS_PER_DAY)}` };
}

const ISO_DURATION = /^(-?)P(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+(?:\.\d+)?)S)?)?$/;

/** The value of a time of day or a duration in ODS: `PT36H15M00S`. Other texts are unchanged. */
export function isoDurationValue(written: string): CellValue {
  const [matched, sign, days = '0', hours = '0', minutes = '0', seconds = '0'] = ISO_DURATION.exec(written) ?? [];
  const ms = Math.round(
    Number(days) * MS_PER_DAY + Number(hours) * 3_600_000 + Number(minutes) * 60_000 + Number(seconds) * 1000,
  );
  if (matched === undefined || ms > MAX_DURATION_DAYS * MS_PER_DAY) return { kind: 'text', text: written };
  return durationValue(sign === '-' ? -ms : ms);
}

/** Characters of a text. Excel allows 32,767. */
const MAX_TEXT_CHARACTERS = 16 * 2 ** 20;

/** Joins pieces of the text of one cell of a file. Throws FILE_UNREADABLE for a text that is too long. */
export function joinText(text: string, piece: string, file: string): string {
  if (text.length + piece.length <= MAX_TEXT_CHARACTERS) return text + piece;
  throw new SluiceError(
    'FILE_UNREADABLE',
    `${file} has a cell with more than ${MAX_TEXT_CHARACTERS} characters. Shorten it.`,
    { details: { file } },
  );
}
