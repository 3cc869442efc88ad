import { isExactDouble } from '../texts/text-facts.ts';
import { timeTypeOf } from '../readers/table-reader.ts';
import { type GeometryFacts, noGeometryFacts } from './geometry-facts.ts';

/** Finds the type in PostgreSQL that holds all values of a JSON member as they are written. */

const MAX_TIME_CHARACTERS = 40;
/** Integers of so many digits need no comparison. */
const INTEGER_DIGITS = 9;
/** The length of the longest bigint, `-9223372036854775808`. */
const MAX_BIGINT_CHARACTERS = 20;
const [MAX_INTEGER, MAX_BIGINT] = [2n ** 31n, 2n ** 63n];
const INTEGER = /^-?\d+$/;
const NUMBERS = /^\[[-\d.eE+,\s]*\]$/;

type Kind = 'number' | 'boolean' | 'string' | 'json' | 'array';

export interface JsonColumn {
  /** The type in which the text of the value is copied. */
  copied: string;
  /** SQL that converts the copied text to an array, and its type; undefined for other columns. */
  array?: { type: string; value: (column: string) => string };
  /** True if the column has strings and other values, and is therefore text. */
  isMixed: boolean;
}

export class JsonFacts {
  /** The number of the last feature with a value. */
  feature = 0;
  readonly #kinds = new Set<Kind>();
  #numbers = new NumberFacts();
  /** TimeTypes of the strings, and '' for another string. */
  readonly #times = new Set<string>();
  readonly #elements = new Set<Kind>();
  #isValid = true;

  /** `text` is the string with its quotes. */
  addString(text: Buffer): void {
    this.#kinds.add('string');
    if (this.#times.has('')) return;
    const value = text.length > MAX_TIME_CHARACTERS ? '' : text.toString('latin1', 1, text.length - 1);
    const type = timeTypeOf(value) ?? '';
    // `10:30` is written as a ratio or a part number, too.
    this.#times.add(type === 'time without time zone' && value.length < 'hh:mm:ss'.length ? '' : type);
  }

  addScalar(token: string): void {
    const isBoolean = token === 'true' || token === 'false';
    this.#kinds.add(isBoolean ? 'boolean' : 'number');
    if (!isBoolean) this.#numbers.add(token);
    if (!isBoolean && !/\d/.test(token)) this.#isValid = false;
  }

  /** `text` is an object or an array. */
  addNested(text: string): void {
    if (!text.startsWith('[')) this.#kinds.add('json');
    else this.#addArray(text);
    if (text.startsWith('[') && NUMBERS.test(text)) return;
    try {
      JSON.parse(text);
    } catch {
      this.#isValid = false;
    }
  }

  #addArray(text: string): void {
    this.#kinds.add('array');
    if (NUMBERS.test(text)) {
      const tokens = text
        .slice(1, -1)
        .split(',')
        .map((token) => token.trim());
      if (tokens.length === 1 && tokens[0] === '') return;
      this.#elements.add('number');
      for (const token of tokens) this.#numbers.add(token);
      return;
    }
    try {
      const isTexts = (JSON.parse(text) as unknown[]).every((value) => typeof value === 'string' || value === null);
      this.#elements.add(isTexts ? 'string' : 'json');
    } catch {
      this.#elements.add('json');
    }
  }

  column(): JsonColumn {
    const [kind] = this.#kinds;
    const plain = (copied: string): JsonColumn => ({ copied, isMixed: false });
    if (kind === undefined) return plain('character varying');
    if (this.#kinds.size > 1 || !this.#isValid) {
      if (kind === 'number' && this.#kinds.size === 1) return plain(this.#numbers.type());
      const isText = this.#kinds.has('string') || !this.#isValid;
      return { copied: isText ? 'character varying' : 'json', isMixed: isText };
    }
    const [time] = this.#times;
    switch (kind) {
      case 'number':
        return plain(this.#numbers.type());
      case 'boolean':
        return plain('boolean');
      case 'string':
        return plain(this.#times.size === 1 && time !== undefined && time !== '' ? time : 'character varying');
      case 'json':
        return plain('json');
      case 'array':
        return this.#arrayColumn();
    }
  }

  #arrayColumn(): JsonColumn {
    const [element] = this.#elements;
    const type = element === 'number' ? this.#numbers.type() : 'character varying';
    if (this.#elements.size !== 1 || element === 'json' || type === 'numeric')
      return { copied: 'json', isMixed: false };
    const value = (column: string) =>
      element === 'number' ? `translate(${column}, '[]', '{}')::${type}[]` : `pg_temp.sluice_texts(${column}::json)`;
    return { copied: 'character varying', array: { type: `${type}[]`, value }, isMixed: false };
  }
}

/** The smallest number type that holds all numbers exactly. */
class NumberFacts {
  #isInteger = true;
  #isShort = true;
  #isLong = true;
  #isExact = true;

  add(token: string): void {
    if (!INTEGER.test(token)) {
      this.#isInteger = false;
      if (/\d/.test(token)) this.#isExact &&= isExactDouble(token);
      return;
    }
    if (token === '-0') this.#isInteger = false;
    if (token.length <= INTEGER_DIGITS) return;
    this.#isExact &&= isExactDouble(token);
    const value = token.length <= MAX_BIGINT_CHARACTERS ? BigInt(token) : MAX_BIGINT;
    if (value < -MAX_INTEGER || value >= MAX_INTEGER) this.#isShort = false;
    if (value < -MAX_BIGINT || value >= MAX_BIGINT) this.#isLong = false;
  }

  type(): string {
    // An integer that exceeds 64 bits is an identifier, of which no digit may be rounded.
    if (this.#isInteger) return this.#isLong ? (this.#isShort ? 'integer' : 'bigint') : 'numeric';
    return this.#isExact ? 'double precision' : 'numeric';
  }
}

/** What GeoJsonRewriter finds in a file. */
export interface GeoJsonFacts {
  /** About the values of each property, by its name. */
  properties: Map<string, JsonFacts>;
  /** About the ids of the features, if a feature has one. */
  ids: JsonFacts | undefined;
  /** Features whose id differs from their property `id`. GDAL keeps the property. */
  hiddenIds: number;
  /** About the other members of features. GDAL reads them as properties where a feature has no `properties`. */
  members: Map<string, JsonFacts>;
  /** Features with `properties` and other members, which GDAL does not read. */
  droppedMembers: number;
  /** Features with a key twice, whose first value GDAL drops. */
  repeatedKeys: { features: number; first: string };
  /** Strings with an unpaired surrogate, which GDAL replaces. */
  brokenTexts: number;
  /** Other members of features that GDAL never reads. */
  unreadMembers: Set<string>;
  geometries: GeometryFacts;
}

export function noFacts(): GeoJsonFacts {
  return {
    properties: new Map(),
    ids: undefined,
    hiddenIds: 0,
    members: new Map(),
    droppedMembers: 0,
    repeatedKeys: { features: 0, first: '' },
    brokenTexts: 0,
    unreadMembers: new Set(),
    geometries: noGeometryFacts(),
  };
}

/** The text of a string with its quotes. */
export function textOf(string: Buffer): string {
  const text = string.toString('utf8');
  try {
    return JSON.parse(text) as string;
  } catch {
    return text.slice(1, -1); // GDAL reports invalid strings.
  }
}
