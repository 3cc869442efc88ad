import { utf16Of } from '#shared/text/utf8.ts';
import {
  GmlPrefixes,
  MAX_GML_PREFIXES,
  MAX_TAG_CHARACTERS,
  type MarkupHandler,
  MarkupReader,
  parseStartTag,
} from '../readers/markup-reader.ts';

/**
 * Checks the coordinates of a GML, KML or GPX document. GDAL reads a text that is not a number as 0, drops a way point
 * without a latitude, and reads a KML tuple with too few or too many numbers as another point, each without a message.
 */

/** A coordinate that GDAL would misread. */
export interface BadCoordinate {
  /** Bytes before it in the document, at most; the next few characters contain it. */
  offset: number;
  /** Completes the sentence "FILE, line N: …". */
  problem: string;
}

/** Elements whose text consists of coordinates, without their prefix. */
const COORDINATE_ELEMENTS: Record<string, ReadonlySet<string>> = {
  GML: new Set(['coordinates', 'pos', 'posList', 'X', 'Y', 'Z', 'lowerCorner', 'upperCorner']),
  LIBKML: new Set(['coordinates', 'coord']),
  GPX: new Set(),
};
/** Elements of GPX with the attributes lat and lon. */
const GPX_POINTS = new Set(['wpt', 'rtept', 'trkpt']);
const GPX_ATTRIBUTES = ['lat', 'lon'].map((name) => ({
  name,
  pattern: new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)')`),
}));
/** Attributes of gml:coordinates that change the notation of numbers. GDAL reads such text correctly. */
const GML_NOTATION = /\s(?:decimal|cs|ts)\s*=/;

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
/** GDAL keeps these values, except in GML. The check of unreadable geometries counts them. */
const NOT_FINITE = /^[+-]?(?:nan|inf|infinity)$/i;

/** Whether GDAL reads the text as this number, or as one that is not finite. */
export const isCoordinate = (text: string) => NUMBER.test(text) || NOT_FINITE.test(text);
/** Longer text is not a number: a double has at most 767 significant digits. */
const MAX_NUMBER_CHARACTERS = 1000;
const KML_TUPLE = { min: 2, max: 3 };

/** Characters of a text that a message shows. */
const SHOWN = 40;

type Driver = 'GML' | 'LIBKML' | 'GPX';

/** The first coordinate that GDAL would misread; undefined without one. `chunks` are the bytes of the document. */
export async function findBadCoordinate(
  chunks: AsyncIterable<Buffer>,
  driver: Driver,
): Promise<BadCoordinate | undefined> {
  const check = new CoordinateCheck(driver);
  const reader = new MarkupReader(check);
  let encoding: ReturnType<typeof utf16Of>;
  let decode: ((chunk: Buffer) => string) | undefined;
  for await (const chunk of chunks) {
    if (decode === undefined) {
      encoding = utf16Of(chunk);
      const decoder = new TextDecoder(encoding);
      // Markup and numbers are ASCII.
      decode = (bytes) => (encoding === undefined ? bytes.toString('latin1') : decoder.decode(bytes, { stream: true }));
    }
    reader.add(decode(chunk));
    if (check.found !== undefined)
      return { ...check.found, offset: check.found.offset * (encoding === undefined ? 1 : 2) };
  }
  return undefined;
}

/** Checks the coordinates in the markup of a document. Offsets are in characters. */
class CoordinateCheck implements MarkupHandler {
  found: BadCoordinate | undefined;
  readonly #driver: Driver;
  readonly #gmlPrefixes = new GmlPrefixes();
  /** Reader of the numbers in the open element of coordinates. */
  #numbers: NumberReader | undefined;

  constructor(driver: Driver) {
    this.#driver = driver;
  }

  addText(text: string, offset: number): void {
    const problem = this.#numbers?.add(text);
    if (problem !== undefined) this.#report(problem, offset);
  }

  addTag(tag: string, offset: number): void {
    const problem = this.#numbers?.end();
    this.#numbers = undefined;
    if (problem !== undefined) return this.#report(problem, offset);
    if (this.#driver === 'GML' && !this.#gmlPrefixes.add(tag))
      return this.#report(`The document declares more than ${MAX_GML_PREFIXES} prefixes of GML.`, offset);
    if (tag.startsWith('</')) return;
    const { prefix, name, isEmpty } = parseStartTag(tag);
    if (this.#driver === 'GPX' && GPX_POINTS.has(name)) return this.#readPoint(tag, name, offset);
    if (COORDINATE_ELEMENTS[this.#driver]?.has(name) !== true || isEmpty) return;
    if (this.#driver === 'GML' && (GML_NOTATION.test(tag) || !this.#gmlPrefixes.has(prefix))) return;
    this.#numbers = new NumberReader(name, this.#driver);
  }

  addLongTag(offset: number): void {
    this.#report(`A tag has more than ${MAX_TAG_CHARACTERS} characters.`, offset);
  }

  #readPoint(tag: string, name: string, offset: number): void {
    for (const attribute of GPX_ATTRIBUTES) {
      const match = attribute.pattern.exec(tag);
      const value = match?.[1] ?? match?.[2];
      if (value === undefined) return this.#report(`<${name}> has no attribute ${attribute.name}.`, offset);
      const text = value.trim();
      if (!isCoordinate(text))
        return this.#report(`${shown(text)} is not a number (attribute ${attribute.name} of <${name}>).`, offset);
    }
  }

  #report(problem: string, offset: number): void {
    this.found ??= { offset, problem };
  }
}

/** Checks the numbers of one element, and for KML the tuples that they form. */
class NumberReader {
  readonly #name: string;
  readonly #driver: Driver;
  /** A number that may continue in the next text. */
  #partial = '';
  /** Count of the numbers in the open tuple. */
  #parts = 0;
  #afterComma = false;

  constructor(name: string, driver: Driver) {
    this.#name = name;
    this.#driver = driver;
  }

  add(text: string): string | undefined {
    const tokens: string[] = text.match(/[^\s,]+|,/g) ?? [];
    // Only the new text is searched: comments can divide a number into very many parts.
    if (/^[^\s,]/.test(text)) tokens[0] = this.#partial + (tokens[0] ?? '');
    else if (this.#partial !== '') tokens.unshift(this.#partial);
    this.#partial = /[^\s,]$/.test(text) ? (tokens.pop() ?? '') : '';
    for (const token of tokens) {
      const problem = this.#read(token);
      if (problem !== undefined) return problem;
    }
    return this.#partial.length > MAX_NUMBER_CHARACTERS ? this.#read(this.#partial) : undefined;
  }

  end(): string | undefined {
    const problem = this.#partial === '' ? undefined : this.#read(this.#partial);
    return problem ?? this.#endTuple();
  }

  #read(token: string): string | undefined {
    if (token === ',') {
      const isMisplaced = this.#afterComma || (this.#isKmlTuple && this.#parts === 0);
      this.#afterComma = true;
      return isMisplaced ? `A number is missing beside a comma in <${this.#name}>.` : undefined;
    }
    const text = withoutReferences(token);
    const isNumber = this.#driver === 'GML' ? NUMBER.test(text) : isCoordinate(text);
    if (token.length > MAX_NUMBER_CHARACTERS || !isNumber) return this.#notANumber(text);
    const problem = this.#afterComma ? undefined : this.#endTuple();
    this.#parts += 1;
    this.#afterComma = false;
    return problem;
  }

  get #isKmlTuple(): boolean {
    return this.#driver === 'LIBKML' && this.#name === 'coordinates';
  }

  #endTuple(): string | undefined {
    const parts = this.#parts;
    this.#parts = 0;
    if (!this.#isKmlTuple || parts === 0 || (parts >= KML_TUPLE.min && parts <= KML_TUPLE.max)) return undefined;
    const count = `${parts} ${parts === 1 ? 'number' : 'numbers'}`;
    return `A tuple in <coordinates> has ${count}; KML has longitude,latitude[,altitude].`;
  }

  #notANumber(text: string): string {
    return `${shown(text)} is not a number (<${this.#name}>).`;
  }
}

/** Replaces character references, such as `&#49;`. */
function withoutReferences(token: string): string {
  if (!token.includes('&#')) return token;
  return token.replace(/&#(?:x([\da-f]{1,6})|(\d{1,7}));/gi, (_, hex?: string, decimal?: string) =>
    String.fromCharCode(hex === undefined ? Number(decimal) : parseInt(hex, 16)),
  );
}

/** A text from the document in a message. */
export function shown(text: string): string {
  return JSON.stringify(text.length > SHOWN ? `${text.slice(0, SHOWN)}…` : text);
}
