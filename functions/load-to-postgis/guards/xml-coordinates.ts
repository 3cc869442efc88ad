import { utf16Of } from '#shared/text/utf8.ts';

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
/** The declaration of a prefix of GML. Features have attributes with the same names in other namespaces. */
const GML_PREFIX = /\sxmlns(?::([^\s=]+))?\s*=\s*["']http:\/\/www\.opengis\.net\/gml/g;
/** Attributes of gml:coordinates that change the notation of numbers. GDAL reads such text correctly. */
const GML_NOTATION = /\s(?:decimal|cs|ts)\s*=/;

const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?$/;
/** GDAL keeps these values, except in GML. The check of unreadable geometries counts them. */
const NOT_FINITE = /^[+-]?(?:nan|inf|infinity)$/i;

/** Whether GDAL reads the text as this number, or as one that is not finite. */
export const isCoordinate = (text: string) => NUMBER.test(text) || NOT_FINITE.test(text);
const KML_TUPLE = { min: 2, max: 3 };

/** Limit for a tag: more can only be attributes that are not used. */
const MAX_TAG_CHARACTERS = 2 ** 20;
/** Characters of a text that a message shows. */
const SHOWN = 40;

type Driver = 'GML' | 'LIBKML' | 'GPX';

/** The first coordinate that GDAL would misread; undefined without one. `chunks` are the bytes of the document. */
export async function findBadCoordinate(
  chunks: AsyncIterable<Buffer>,
  driver: Driver,
): Promise<BadCoordinate | undefined> {
  let reader: MarkupReader | undefined;
  let decode = (chunk: Buffer) => chunk.toString('latin1'); // Markup and numbers are ASCII.
  for await (const chunk of chunks) {
    if (reader === undefined) {
      const utf16 = utf16Of(chunk);
      reader = new MarkupReader(driver, utf16 === undefined ? 1 : 2);
      if (utf16 !== undefined) {
        const decoder = new TextDecoder(utf16);
        decode = (bytes) => decoder.decode(bytes, { stream: true });
      }
    }
    reader.add(decode(chunk));
    if (reader.found !== undefined) return reader.found;
  }
  return undefined;
}

/** Reads tags and texts from chunks of a document. */
class MarkupReader {
  found: BadCoordinate | undefined;
  readonly #driver: Driver;
  readonly #bytesPerCharacter: number;
  #unread = '';
  /** Characters before #unread. */
  #offset = 0;
  /** The end mark of the open comment, instruction or CDATA section. */
  #endMark: '-->' | '?>' | ']]>' | undefined;
  readonly #gmlPrefixes = new Set<string>();
  /** The open element of coordinates. */
  #numbers: NumberReader | undefined;

  constructor(driver: Driver, bytesPerCharacter: number) {
    this.#driver = driver;
    this.#bytesPerCharacter = bytesPerCharacter;
  }

  add(chunk: string): void {
    this.#unread += chunk;
    let at = 0;
    while (this.found === undefined) {
      const next = this.#endMark === undefined ? this.#readMarkup(at) : this.#readToEndMark(at, this.#endMark);
      if (next === undefined) break;
      at = next;
    }
    // Text before the last `<`, and all but the last characters of a comment, are processed.
    const kept = this.#firstUnread(at);
    this.#offset += kept;
    this.#unread = this.#unread.slice(kept);
    if (this.#unread.length > MAX_TAG_CHARACTERS) this.#report(`A tag has more than ${MAX_TAG_CHARACTERS} characters.`);
  }

  /** Processes the text that is complete, and returns the position of the first character to keep. */
  #firstUnread(at: number): number {
    if (this.found !== undefined) return at;
    const end =
      this.#endMark === undefined
        ? indexOrEnd(this.#unread, '<', at)
        : Math.max(at, this.#unread.length - this.#endMark.length + 1);
    this.#readText(at, end);
    return end;
  }

  /** Reads the text before the next tag, and the tag. Returns the position after it; undefined for a partial tag. */
  #readMarkup(at: number): number | undefined {
    const start = this.#unread.indexOf('<', at);
    if (start < 0) return undefined;
    const opened = openedMark(this.#unread, start);
    if (opened === 'incomplete') return undefined;
    if (opened !== undefined) {
      this.#readText(at, start);
      this.#endMark = opened.endMark;
      return start + opened.startMark.length;
    }
    const end = endOfTag(this.#unread, start);
    if (end === undefined) return undefined;
    this.#readText(at, start);
    this.#readTag(this.#unread.slice(start, end), start);
    return end;
  }

  #readToEndMark(at: number, endMark: string): number | undefined {
    const end = this.#unread.indexOf(endMark, at);
    if (end < 0) return undefined;
    this.#readText(at, end);
    this.#endMark = undefined;
    return end + endMark.length;
  }

  #readText(from: number, to: number): void {
    if (this.#numbers === undefined || from === to) return;
    if (this.#endMark === '-->' || this.#endMark === '?>') return;
    const problem = this.#numbers.add(this.#unread.slice(from, to));
    if (problem !== undefined) this.#report(problem, from);
  }

  #readTag(tag: string, at: number): void {
    const problem = this.#numbers?.end();
    this.#numbers = undefined;
    if (problem !== undefined) return this.#report(problem, at);
    if (this.#driver === 'GML') for (const [, prefix = ''] of tag.matchAll(GML_PREFIX)) this.#gmlPrefixes.add(prefix);
    const [, prefix = '', name = ''] = /^<(?:([^\s/>:]*):)?([^\s/>:]+)/.exec(tag) ?? []; // Empty for an end tag.
    if (this.#driver === 'GPX' && GPX_POINTS.has(name)) return this.#readPoint(tag, name, at);
    if (COORDINATE_ELEMENTS[this.#driver]?.has(name) !== true || tag.endsWith('/>')) return;
    if (this.#driver === 'GML' && (GML_NOTATION.test(tag) || !this.#gmlPrefixes.has(prefix))) return;
    this.#numbers = new NumberReader(name, this.#driver);
  }

  #readPoint(tag: string, name: string, at: number): void {
    for (const attribute of GPX_ATTRIBUTES) {
      const match = attribute.pattern.exec(tag);
      const value = match?.[1] ?? match?.[2];
      if (value === undefined) return this.#report(`<${name}> has no attribute ${attribute.name}.`, at);
      const text = value.trim();
      if (!isCoordinate(text))
        return this.#report(`${shown(text)} is not a number (attribute ${attribute.name} of <${name}>).`, at);
    }
  }

  #report(problem: string, at = 0): void {
    this.found ??= { offset: (this.#offset + at) * this.#bytesPerCharacter, problem };
  }
}

const MARKS = [
  { startMark: '<!--', endMark: '-->' },
  { startMark: '<![CDATA[', endMark: ']]>' },
  { startMark: '<?', endMark: '?>' },
] as const;

/** The mark that opens a comment, a CDATA section or an instruction at `start`; undefined for a tag. */
function openedMark(text: string, start: number): (typeof MARKS)[number] | 'incomplete' | undefined {
  const opened = MARKS.find(({ startMark }) => text.startsWith(startMark, start));
  if (opened !== undefined) return opened;
  const rest = text.slice(start, start + 9);
  return MARKS.some(({ startMark }) => rest.length < startMark.length && startMark.startsWith(rest))
    ? 'incomplete'
    : undefined;
}

/** The position after the tag at `start`. A quoted value can contain `>`. */
function endOfTag(text: string, start: number): number | undefined {
  const mark = /["'>]/g;
  mark.lastIndex = start;
  for (let match = mark.exec(text); match !== null; match = mark.exec(text)) {
    if (match[0] === '>') return mark.lastIndex;
    const end = text.indexOf(match[0], mark.lastIndex);
    if (end < 0) return undefined;
    mark.lastIndex = end + 1;
  }
  return undefined;
}

function indexOrEnd(text: string, mark: string, from: number): number {
  const at = text.indexOf(mark, from);
  return at < 0 ? text.length : at;
}

/** Checks the numbers of one element, and for KML the tuples that they form. */
class NumberReader {
  readonly #name: string;
  readonly #driver: Driver;
  /** A number that may continue in the next text. */
  #partial = '';
  /** Numbers of the open tuple. */
  #parts = 0;
  #afterComma = false;

  constructor(name: string, driver: Driver) {
    this.#name = name;
    this.#driver = driver;
  }

  add(text: string): string | undefined {
    const whole = this.#partial + text;
    const tokens = whole.match(/[^\s,]+|,/g) ?? [];
    this.#partial = /[^\s,]$/.test(whole) ? (tokens.pop() ?? '') : '';
    for (const token of tokens) {
      const problem = this.#read(token);
      if (problem !== undefined) return problem;
    }
    return this.#partial.length > MAX_TAG_CHARACTERS ? this.#notANumber(this.#partial) : undefined;
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
    if (!(this.#driver === 'GML' ? NUMBER.test(text) : isCoordinate(text))) return this.#notANumber(text);
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
