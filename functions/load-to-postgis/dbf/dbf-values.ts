import { EXACT_DIGITS, isExactDouble } from '../texts/text-facts.ts';
import type { DbfField } from '../readers/dbf-header.ts';
import { readFileStream } from '#shared/streams/file-streams.ts';

/**
 * Reads the values of a dBASE table (.dbf) as the characters that it stores, and determines the type in PostgreSQL that
 * holds all numbers of a column. GDAL reads a number as the type of its declared width: 1.5 in a field without decimals
 * becomes 1, and digits after the fifteenth are lost.
 */

const CHUNK_BYTES = 2 ** 20;
const [BLANK, STAR, MINUS, PLUS, POINT, ZERO, NINE, NUL] = [0x20, 0x2a, 0x2d, 0x2b, 0x2e, 0x30, 0x39, 0x00];
/** The byte at the beginning of a deleted record. */
const DELETED = STAR;

/** Digits that every integer, and every bigint, can have. */
const [INTEGER_DIGITS, BIGINT_DIGITS] = [9, 18];
const MAX_BIGINT = 2n ** 63n;
/** Control characters from this one down can replace the blanks before a text. */
const FIRST_MARKER = 0x1f;
const NUMBER = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d+)?$/;
/** Other notations that both C and PostgreSQL read as a double. */
const NOT_FINITE = /^[-+]?(?:nan|inf|infinity)$/i;

/** What the values of a field need. */
export interface DbfFacts {
  /** Values that are only asterisks: a missing number (as GDAL writes it), or one that does not fit in the field. */
  overflows: number;
  /** Texts that start with a blank. */
  padded: number;
  /** A control character with which no text of the field starts; undefined without `padded`. */
  marker?: number;
  /** The smallest number type that holds all values; undefined when a value is not a number. */
  number: NumberType | undefined;
  /** The row, from 1, and the text of the first value that is not of the declared type. */
  invalid?: { row: number; text: string };
}

/** In ascending order: each type holds the values of those before it, except that numeric is needed for digits only. */
export type NumberType = 'integer' | 'bigint' | 'double precision' | 'numeric';

/** Reads all records once. `path` is the .dbf file. */
export async function readDbfFacts(
  path: string,
  fields: readonly DbfField[],
  { headerBytes, recordBytes }: { headerBytes: number; recordBytes: number },
  signal: AbortSignal,
): Promise<DbfFacts[]> {
  const columns = fields.map(({ type, width, decimals }) => new Column(type, width, decimals));
  let row = 0;
  let rest: Buffer = Buffer.alloc(0);
  const chunks = readFileStream(path, { start: headerBytes, highWaterMark: CHUNK_BYTES, signal });
  for await (const chunk of chunks as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % recordBytes);
    for (let record = 0; record < whole; record += recordBytes) {
      if (bytes[record] === DELETED) continue;
      row++;
      let at = record + 1;
      for (const column of columns) at = column.add(bytes, at, row);
    }
    rest = bytes.subarray(whole);
  }
  return columns.map((column) => column.facts());
}

class Column {
  readonly #type: string;
  readonly #width: number;
  #number: NumberType;
  #isNumeric = true;
  #overflows = 0;
  #padded = 0;
  readonly #firstControls = new Set<number>();
  #invalid: { row: number; text: string } | undefined;

  constructor(type: string, width: number, decimals: number) {
    this.#type = type;
    this.#width = width;
    // The type that GDAL chooses by the width. A longer integer is a double there.
    const integer = width <= INTEGER_DIGITS ? 'integer' : 'bigint';
    this.#number = decimals === 0 && type === 'N' ? integer : 'double precision';
  }

  facts(): DbfFacts {
    return {
      overflows: this.#overflows,
      padded: this.#padded,
      ...(this.#padded === 0 ? {} : { marker: this.#marker() }),
      number: this.#isNumeric ? this.#number : undefined,
      ...(this.#invalid === undefined ? {} : { invalid: this.#invalid }),
    };
  }

  #marker(): number {
    let marker = FIRST_MARKER;
    while (this.#firstControls.has(marker)) marker--;
    return marker;
  }

  /** Adds the value at `at`. Returns the position after it. */
  add(bytes: Buffer, at: number, row: number): number {
    const end = at + this.#width;
    let [from, to] = [at, end];
    while (from < to && (bytes[from] === BLANK || bytes[from] === NUL)) from++;
    while (to > from && (bytes[to - 1] === BLANK || bytes[to - 1] === NUL)) to--;
    if (from === to) return end;
    if (this.#type === 'C') {
      if (bytes[at] === BLANK) this.#padded++;
      const first = bytes[from] ?? 0;
      if (first <= FIRST_MARKER) this.#firstControls.add(first);
    } else if (this.#type === 'N' || this.#type === 'F') this.#addNumber(bytes, from, to, row);
    else if (this.#type === 'D' && !isDate(bytes, from, to)) this.#reject(bytes, from, to, row);
    return end;
  }

  #reject(bytes: Buffer, from: number, to: number, row: number): void {
    this.#isNumeric = false;
    this.#invalid ??= { row, text: bytes.toString('latin1', from, to) };
  }

  #addNumber(bytes: Buffer, from: number, to: number, row: number): void {
    let [digits, points, first] = [0, 0, from];
    if (bytes[from] === MINUS || bytes[from] === PLUS) first++;
    for (let at = first; at < to; at++) {
      const byte = bytes[at] ?? 0;
      if (byte >= ZERO && byte <= NINE) digits++;
      else if (byte === POINT) points++;
      else return this.#addOther(bytes, from, to, row);
    }
    if (points > 1 || digits === 0) return this.#addOther(bytes, from, to, row);
    if (points === 0 && this.#number !== 'double precision') {
      const limit = this.#number === 'integer' ? INTEGER_DIGITS : BIGINT_DIGITS;
      if (digits > limit) this.#addLong(bytes.toString('latin1', from, to));
    } else if (digits > EXACT_DIGITS) this.#addFraction(bytes.toString('latin1', from, to));
    else this.#raise('double precision');
  }

  /** Adds an integer of so many digits that only its value determines its type. */
  #addLong(text: string): void {
    const value = BigInt(text.replace(/^\+/, ''));
    if (value >= -MAX_BIGINT && value < MAX_BIGINT) this.#raise('bigint');
    else this.#raise('numeric');
  }

  #addFraction(text: string): void {
    this.#raise(isExactDouble(text) ? 'double precision' : 'numeric');
  }

  #addOther(bytes: Buffer, from: number, to: number, row: number): void {
    const text = bytes.toString('latin1', from, to);
    if (/^\*+$/.test(text)) this.#overflows++;
    else if (NUMBER.test(text)) this.#addFraction(text);
    else if (NOT_FINITE.test(text)) this.#raise('double precision');
    else this.#reject(bytes, from, to, row);
  }

  #raise(type: NumberType): void {
    const order: NumberType[] = ['integer', 'bigint', 'double precision', 'numeric'];
    // A bigint has digits that a double does not have.
    const isMixed = type === 'double precision' && this.#number === 'bigint' && this.#width > EXACT_DIGITS;
    if (isMixed) this.#number = 'numeric';
    else if (order.indexOf(type) > order.indexOf(this.#number)) this.#number = type;
  }
}

const DAYS_OF_MONTH = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const DATE_DIGITS = 8;

/** A date of the calendar, as eight digits. Zeros are a missing date. */
function isDate(bytes: Buffer, from: number, to: number): boolean {
  if (to - from !== DATE_DIGITS) return false;
  let number = 0;
  for (let at = from; at < to; at++) {
    const digit = (bytes[at] ?? 0) - ZERO;
    if (digit < 0 || digit > 9) return false;
    number = number * 10 + digit;
  }
  if (number === 0) return true;
  const [year, month, day] = [Math.floor(number / 10_000), Math.floor(number / 100) % 100, number % 100];
  const isLeapYear = year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);
  const days = month === 2 && !isLeapYear ? 28 : (DAYS_OF_MONTH[month - 1] ?? 0);
  return year > 0 && day > 0 && day <= days;
}
