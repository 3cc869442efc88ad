/** Receives the markup of a document in order. Offsets are in characters. */
export interface MarkupHandler {
  /** A part of a text, or of a CDATA section. A text can have several parts. Comments and instructions are left out. */
  addText(text: string, offset: number, isCdata: boolean): void;
  /** A tag from `<` to `>`. */
  addTag(tag: string, offset: number): void;
  /** A tag that has more than MAX_TAG_CHARACTERS. Nothing is read after it. */
  addLongTag(offset: number): void;
}

/** Limit for a tag: more can only be attributes that are not used. */
export const MAX_TAG_CHARACTERS = 2 ** 20;

const MARKS = [
  { startMark: '<!--', endMark: '-->', hasText: false },
  { startMark: '<![CDATA[', endMark: ']]>', hasText: true },
  { startMark: '<?', endMark: '?>', hasText: false },
] as const;
type Mark = (typeof MARKS)[number];

/**
 * Divides a document, whose chunks can end anywhere, into tags and texts. Takes linear time, and little memory. saxes
 * is not used: it takes 5 times as long (guards/xml-prolog.ts), and rejects what is not well-formed, which GDAL
 * reports.
 */
export class MarkupReader {
  readonly #handler: MarkupHandler;
  #unread = '';
  /** Number of characters of the document before #unread. */
  #offset = 0;
  /** The open comment, instruction or CDATA section. */
  #open: Mark | undefined;
  #isEnded = false;

  constructor(handler: MarkupHandler) {
    this.#handler = handler;
  }

  add(chunk: string): void {
    if (this.#isEnded) return;
    this.#unread += chunk;
    let at = 0;
    for (let next: number | undefined = 0; next !== undefined; next = this.#readNext(at)) at = next;
    // Text before the last `<`, and all but the last characters of a comment, are processed.
    const end =
      this.#open === undefined
        ? indexOrEnd(this.#unread, '<', at)
        : Math.max(at, this.#unread.length - this.#open.endMark.length + 1);
    this.#readText(at, end);
    this.#offset += end;
    this.#unread = this.#unread.slice(end);
    if (this.#unread.length <= MAX_TAG_CHARACTERS) return;
    this.#isEnded = true;
    this.#handler.addLongTag(this.#offset);
  }

  /** Reads a tag or a mark, and the text before it. Returns the position after it; undefined if it is incomplete. */
  #readNext(at: number): number | undefined {
    if (this.#open !== undefined) {
      const { endMark } = this.#open;
      const end = this.#unread.indexOf(endMark, at);
      if (end < 0) return undefined;
      this.#readText(at, end);
      this.#open = undefined;
      return end + endMark.length;
    }
    const start = this.#unread.indexOf('<', at);
    if (start < 0) return undefined;
    const mark = markAt(this.#unread, start);
    const end = mark === undefined ? endOfTag(this.#unread, start) : undefined;
    if (mark === 'incomplete' || (mark === undefined && end === undefined)) return undefined;
    this.#readText(at, start);
    this.#open = mark;
    if (end === undefined) return start + (mark?.startMark.length ?? 0);
    this.#handler.addTag(this.#unread.slice(start, end), this.#offset + start);
    return end;
  }

  #readText(from: number, to: number): void {
    if (from === to || this.#open?.hasText === false) return;
    this.#handler.addText(this.#unread.slice(from, to), this.#offset + from, this.#open !== undefined);
  }
}

/** The mark that opens a comment, a CDATA section or an instruction at `start`; undefined for a tag. */
function markAt(text: string, start: number): Mark | 'incomplete' | undefined {
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

/** The names of a start tag without its attributes. */
export function parseStartTag(tag: string): { prefix: string; name: string; isEmpty: boolean } {
  const [, prefix = '', name = ''] = /^<(?:([^\s/>:]*):)?([^\s/>:]+)/.exec(tag) ?? [];
  return { prefix, name, isEmpty: tag.endsWith('/>') };
}

/** The declaration of a prefix of GML. */
const GML_PREFIX = /\sxmlns(?::([^\s=]+))?\s*=\s*["']http:\/\/www\.opengis\.net\/gml/g;
/** Limit for prefixes. A document has one or two. */
export const MAX_GML_PREFIXES = 100;

/** The prefixes that a document declares for GML. Features have elements with the same names in other namespaces. */
export class GmlPrefixes {
  readonly #prefixes = new Set<string>();

  /** Adds those that a tag declares. False when there are more than MAX_GML_PREFIXES. */
  add(tag: string): boolean {
    if (!tag.includes('xmlns')) return true;
    for (const [, prefix = ''] of tag.matchAll(GML_PREFIX))
      if (!this.#prefixes.has(prefix)) this.#prefixes.add(copyOf(prefix));
    return this.#prefixes.size <= MAX_GML_PREFIXES;
  }

  has(prefix: string): boolean {
    return this.#prefixes.has(prefix);
  }
}

/** A part of a text keeps the whole text in memory, and a copy does not. */
export function copyOf(text: string): string {
  return Buffer.from(text).toString();
}

/** A start tag or an end tag, and the text from a start tag to the next tag. */
export interface Element {
  isEnd: boolean;
  prefix: string;
  name: string;
  attributes: string;
  /** References are as they are written. It is cut at MAX_TEXT_CHARACTERS. */
  text: string;
  /** The last END_CHARACTERS of the whole text. */
  textEnd: string;
  /** Whether the next tag ends this element. */
  isLeaf: boolean;
}

const MAX_TEXT_CHARACTERS = 2 ** 16;
const END_CHARACTERS = 32;

/** Collects the texts of elements from the parts of a MarkupReader. */
export class ElementReader implements MarkupHandler {
  readonly #add: (element: Element) => void;
  /** The start tag whose text is not complete. */
  #open: Element | undefined;

  constructor(add: (element: Element) => void) {
    this.#add = add;
  }

  addText(text: string, _offset: number, isCdata: boolean): void {
    if (this.#open === undefined) return;
    const written = isCdata ? text.replaceAll('&', '&amp;') : text;
    this.#open.text += written.slice(0, MAX_TEXT_CHARACTERS - this.#open.text.length);
    this.#open.textEnd = (this.#open.textEnd + written.slice(-END_CHARACTERS)).slice(-END_CHARACTERS);
  }

  addTag(tag: string): void {
    const isEnd = tag.startsWith('</');
    if (this.#open !== undefined) {
      this.#open.isLeaf = isEnd;
      this.#add(this.#open);
    }
    const { prefix, name, isEmpty } = parseStartTag(isEnd ? `<${tag.slice(2)}` : tag);
    const start = prefix === '' ? name.length + 1 : prefix.length + name.length + 2;
    const attributes = tag.slice(start, isEmpty ? -2 : -1);
    const element = {
      isEnd,
      prefix,
      name,
      attributes: isEnd ? '' : attributes,
      text: '',
      textEnd: '',
      isLeaf: isEmpty,
    };
    this.#open = isEnd || isEmpty ? undefined : element;
    if (isEnd || isEmpty) this.#add(element);
    if (isEmpty) this.#add({ ...element, isEnd: true });
  }

  addLongTag(): void {
    this.#open = undefined;
  }
}
