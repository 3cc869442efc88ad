import { ledgerType, type ValueType } from '#shared/contracts/column-types.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { decimalType, type Digits } from '#shared/tables/infer/decimal-types.ts';
import { isWrittenAs, TYPE_RULES } from '#shared/tables/infer/value-types.ts';
import type { LayerField } from '#shared/gdal/layers.ts';
import { declaredType, timeTypeOf } from '../readers/table-reader.ts';

/**
 * Finds the type in PostgreSQL of a column of texts by all of its values, with the rules of tables (shared/tables).
 * Where the file declares a type, a number may also have a plus sign and leading zeros.
 */

/**
 * The type that a file declares for a field that GDAL reads as text: `String` for a text, undefined when the file
 * declares none or several.
 */
export type DeclaredTypes = (field: LayerField, index: number) => string | undefined;

/** What was changed in the local copy of a file. */
export interface DeclaredTexts {
  /** The declared types of the fields that GDAL reads as text; undefined when none was changed. */
  declared?: DeclaredTypes | undefined;
  /** The text beside values (value-markers.ts), if there is one. */
  valueMarker?: string;
  /** True for a KML document without `<extrude>0</extrude>`: GDAL reads 0 where the element is missing. */
  isExtrudeUnset?: boolean;
  notes?: Note[];
}

export const TEXT = 'character varying';
/** A longer value is text: no type has one with so many characters. */
const MAX_TYPED_CHARACTERS = 100;
/** A longer whole number may be an identifier, of which no digit may be rounded. */
const MAX_WHOLE_DOUBLE_CHARACTERS = 16;
const [MAX_SMALLINT, MAX_INTEGER, MAX_BIGINT, MAX_EXACT] = [2n ** 15n, 2n ** 31n, 2n ** 63n, 2n ** 53n];
/** Numbers of so many digits are in the range of a bigint, and need no comparison. */
const SHORT_DIGITS = 4;
/** Notations of XML Schema, and of C. */
const NOT_FINITE = /^[-+]?(?:nan|inf|infinity)$/i;
const CLOCK = 'time without time zone';

/** What the values of a column are. */
export class TextFacts {
  /** GDAL's name of the type that the file declares; undefined without one. */
  readonly #declared: string | undefined;
  #candidates: readonly (ValueType | typeof CLOCK)[];
  #hasValues = false;
  readonly #digits: Digits = { fits: true, hasSeparator: false, whole: 0, scale: 0 };
  /** The range of the whole numbers. */
  #low = 0n;
  #high = 0n;

  constructor(declared?: string) {
    this.#declared = declared;
    const types = TYPE_RULES.map(({ type }) => type);
    this.#candidates = declared === 'Time' ? [...types, CLOCK] : types;
  }

  /** Adds a value. White space around it is not part of it, as in XML Schema. An empty value is a missing one. */
  add(text: string): void {
    if (this.#candidates.length === 0) return;
    const value = text.trim();
    if (value === '') return;
    this.#hasValues = true;
    if (value.length > MAX_TYPED_CHARACTERS) this.#candidates = [];
    const number = this.#declared === undefined ? value : plainNumber(value);
    if (!this.#candidates.every((type) => this.#fits(type, number)))
      this.#candidates = this.#candidates.filter((type) => this.#fits(type, number));
    if (this.#candidates.includes('bigint')) this.#addWhole(number);
    if (this.#candidates.includes('decimal')) this.#addDigits(number);
  }

  #fits(type: ValueType | typeof CLOCK, value: string): boolean {
    switch (type) {
      case CLOCK:
        return timeTypeOf(value) === CLOCK;
      case 'boolean':
        return isWrittenAs('boolean', value) || (this.#declared === 'Integer(Boolean)' && /^[01]$/.test(value));
      case 'bigint':
        return isWrittenAs('bigint', value) && inRange(value);
      case 'double':
        return this.#isDouble(value);
      case 'date':
        return timeTypeOf(value) === 'date';
      case 'timestamp':
        return timeTypeOf(value) === 'timestamp without time zone';
      case 'timestamptz':
        return timeTypeOf(value) === 'timestamp with time zone';
      default:
        return isWrittenAs(type, value);
    }
  }

  #isDouble(value: string): boolean {
    if (this.#declared?.startsWith('Real') === true && NOT_FINITE.test(value)) return true;
    const isWhole = value.length > MAX_WHOLE_DOUBLE_CHARACTERS && !/[.e]/i.test(value);
    return isWrittenAs('double', value) && !isWhole && isExactDouble(value);
  }

  #addWhole(value: string): void {
    if (value.length <= SHORT_DIGITS) return;
    const number = BigInt(value);
    if (number < this.#low) this.#low = number;
    if (number > this.#high) this.#high = number;
  }

  #addDigits(value: string): void {
    const [whole = '', fraction] = value.replace(/^-/, '').split('.');
    this.#digits.whole = Math.max(this.#digits.whole, whole.replace(/^0+/, '').length);
    this.#digits.scale = Math.max(this.#digits.scale, fraction?.length ?? 0);
    this.#digits.hasSeparator ||= fraction !== undefined;
  }

  /** The type in PostgreSQL. A column without values has the declared type. */
  type(): string {
    const declared = this.#declared === undefined ? TEXT : declaredType(this.#declared);
    if (!this.#hasValues) return declared;
    const found = this.#candidates[0];
    if (found === 'bigint') return this.#wholeType(declared);
    if (found === 'decimal') return postgresType(decimalType(this.#digits, this.#declared !== undefined));
    if (found === undefined) return TEXT;
    return found === CLOCK ? CLOCK : postgresType({ type: found });
  }

  #wholeType(declared: string): string {
    const fits = (limit: bigint) => this.#low >= -limit && this.#high < limit;
    if (declared === 'boolean' && this.#candidates.includes('boolean')) return 'boolean';
    if (declared === 'smallint' && fits(MAX_SMALLINT)) return 'smallint';
    if ((declared === 'smallint' || declared === 'integer') && fits(MAX_INTEGER)) return 'integer';
    const isReal = declared === 'double precision' || declared === 'real';
    return isReal && fits(MAX_EXACT) ? 'double precision' : 'bigint';
  }
}

/** PostgreSQL's name of a type of tables. */
function postgresType(type: Parameters<typeof ledgerType>[0]): string {
  return type.type === 'text' ? TEXT : ledgerType(type);
}

function inRange(value: string): boolean {
  if (value.length <= MAX_WHOLE_DOUBLE_CHARACTERS) return true;
  const number = BigInt(value);
  return number >= -MAX_BIGINT && number < MAX_BIGINT;
}

const SIGNED_NUMBER = /^[-+]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[-+]?\d+)?$/i;

/** A number without a plus sign and leading zeros; other texts are unchanged. */
function plainNumber(value: string): string {
  if (!SIGNED_NUMBER.test(value)) return value;
  const number = value.replace(/^[-+]/, '').replace(/^0+(?=\d)/, '');
  return value.startsWith('-') ? `-${number}` : number;
}

/** Whether a number that is written in decimal digits is a double, so that no digit is lost. */

/** Number of decimal digits that every double keeps. */
export const EXACT_DIGITS = 15;
/** `toFixed` and `toExponential` write at most so many. */
const MAX_FRACTION_DIGITS = 100;
/** `toFixed` writes larger numbers with an exponent. */
const MAX_FIXED = 1e21;

/**
 * Whether a double has the digits of a number: printed with as many decimals it has the same digits. A double of 15
 * decimals that a program wrote has them, although it is not equal to the number.
 */
export function isExactDouble(text: string): boolean {
  const value = Number(text);
  const [mantissa = '', exponent] = text.toLowerCase().split('e');
  const digits = significantDigits(mantissa);
  if (!Number.isFinite(value) || (value === 0 && digits !== '')) return false;
  if (digits.length <= EXACT_DIGITS) return true;
  const decimals = mantissa.split('.')[1]?.length ?? 0;
  if (exponent === undefined && decimals <= MAX_FRACTION_DIGITS && Math.abs(value) < MAX_FIXED)
    return significantDigits(value.toFixed(decimals)) === digits;
  return digits.length <= MAX_FRACTION_DIGITS && significantDigits(value.toExponential(digits.length - 1)) === digits;
}

/** Digits without leading zeros, and without the zeros at the end that `toFixed` also writes. */
function significantDigits(text: string): string {
  const digits = text.toLowerCase().split('e')[0]?.replaceAll(/\D/g, '') ?? '';
  let end = digits.length;
  while (digits[end - 1] === '0') end--;
  return digits.slice(0, end).replace(/^0+/, '');
}
