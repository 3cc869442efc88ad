import { SaxesParser } from 'saxes';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { ZipMember } from '#shared/formats/zip.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { utf16Of } from '#shared/text/utf8.ts';

/** Largest number of characters that the parser receives in one call. */
const SLICE_CHARACTERS = 2 ** 16;
/** The parser holds one text or tag in memory. Excel allows 32,767 characters in a cell. */
const MAX_PART_CHARACTERS = 16 * 2 ** 20;
/** Workbooks have fewer than 20 levels. */
const MAX_DEPTH = 256;
/** Namespaces that are declared at one place; LibreOffice declares 40. */
const MAX_PREFIXES = 500;
const XMLNS = 'xmlns';
/** Different names of elements that are remembered. */
const MAX_NAMES = 1_000;
const ENCODINGS = /^(?:utf-?8|utf-?16(?:le|be)?|us-ascii)$/i;

export type Attributes = Readonly<Record<string, string | undefined>>;

/** The value of an attribute of the current element, such as `office:value`. */
export type ReadAttribute = (name: string) => string | undefined;

/** Receives the parts of an XML document in their order. Names of elements are those that XmlReader describes. */
export interface XmlHandler {
  /** Attributes have the names of the document; `read` returns the value of one with a prefix of `namespaces`. */
  open(name: string, attributes: Attributes, read: ReadAttribute): void;
  /** Only characters of one text: a CDATA section, a comment or an element ends it. */
  text?(text: string): void;
  close?(name: string): void;
}

/**
 * Reads XML in chunks, in linear time and with bounded memory, whatever the document contains: nested elements, long
 * texts, attributes and entities are limited; a document type, which can define entities, is an error.
 *
 * Names are those of the `namespaces`, whatever prefixes a document uses: `namespaces` maps the URI of a namespace to
 * the prefix that the handler uses. Elements of other namespaces have a name that starts with `?`.
 */
export class XmlReader {
  private readonly parser = new SaxesParser({ xmlns: false, position: false });
  private readonly handler: XmlHandler;
  private readonly part: string;
  private readonly namespaces: Readonly<Record<string, string>>;
  private decoder: TextDecoder | undefined;
  private sincePart = 0;
  private depth = 0;
  /** Whether a tag of the current slice can declare a namespace. To look at all attributes is slow. */
  private mayDeclare = false;
  private foundBefore = false;
  private hasOpened = false;
  private tail = '';
  private declared: [prefix: string, uri: string][] = [];
  /** The namespaces of enclosing elements, and the depth at which they were declared. */
  private readonly scopes: { depth: number; prefixes: Map<string, string> }[] = [];
  private prefixes = new Map<string, string>();
  private names = new Map<string, string>();
  /** For a name such as `office:value`, the names that it can have in the document: one for each prefix. */
  private attributeNames = new Map<string, readonly string[]>();
  private attributes: Attributes = {};

  /** `part` is the name of the document, for messages. */
  constructor(part: string, namespaces: Readonly<Record<string, string>>, handler: XmlHandler) {
    this.part = part;
    this.namespaces = namespaces;
    this.handler = handler;
    // The parser is five times slower with more than six listeners, because V8 then stores its state in a hash table.
    this.parser.on('doctype', () => {
      throw this.unreadable('has a document type');
    });
    this.parser.on('opentag', ({ name, attributes }) => this.onOpen(name, attributes));
    this.parser.on('closetag', ({ name }) => this.onClose(name));
    this.parser.on('text', (text) => this.onText(text));
    this.parser.on('cdata', (text) => this.onText(text));
  }

  /** Reads a whole document. Throws FILE_UNREADABLE, and what `chunks` and the handler throw. */
  static async read(
    part: string,
    chunks: AsyncIterable<Buffer>,
    namespaces: Readonly<Record<string, string>>,
    handler: XmlHandler,
  ): Promise<void> {
    const reader = new XmlReader(part, namespaces, handler);
    for await (const chunk of chunks) reader.push(chunk);
    reader.end();
  }

  push(chunk: Buffer): void {
    this.decoder ??= new TextDecoder(utf16Of(chunk) ?? 'utf-8', { fatal: true });
    this.guard(() => {
      const text = this.decoder?.decode(chunk, { stream: true }) ?? '';
      for (let at = 0; at < text.length; at += SLICE_CHARACTERS) this.parse(text.slice(at, at + SLICE_CHARACTERS));
    });
  }

  end(): void {
    this.guard(() => {
      this.parse(this.decoder?.decode() ?? '');
      this.parser.close();
    });
  }

  private parse(text: string): void {
    this.sincePart += text.length;
    const found = text.includes(XMLNS) || (this.tail + text.slice(0, XMLNS.length)).includes(XMLNS);
    // A tag can begin in an earlier slice.
    this.mayDeclare = found || this.foundBefore || (this.mayDeclare && !this.hasOpened);
    this.foundBefore = found;
    this.hasOpened = false;
    this.tail = text.slice(-XMLNS.length);
    this.parser.write(text);
    if (this.sincePart > MAX_PART_CHARACTERS)
      throw this.unreadable(`has a text or a tag of more than ${MAX_PART_CHARACTERS} characters`);
  }

  private guard(work: () => void): void {
    try {
      work();
    } catch (thrown) {
      // The handler writes files: an error of the system, such as a full disk, is not an error of the document.
      if (thrown instanceof SluiceError || typeof (thrown as NodeJS.ErrnoException).syscall === 'string') throw thrown;
      throw this.unreadable(`is not valid XML: ${reasonOf(thrown)}`, thrown);
    }
  }

  private onOpen(name: string, attributes: Attributes): void {
    this.sincePart = 0;
    if (++this.depth > MAX_DEPTH) throw this.unreadable(`has more than ${MAX_DEPTH} levels of elements`);
    if (this.depth === 1) this.checkEncoding();
    this.hasOpened = true;
    if (this.mayDeclare) {
      for (const attribute in attributes)
        if (attribute.startsWith(XMLNS)) this.declareNamespace(attribute, attributes[attribute] ?? '');
      if (this.declared.length > 0) this.openScope();
    }
    this.attributes = attributes;
    this.handler.open(this.nameOf(name), attributes, this.readAttribute);
  }

  private checkEncoding(): void {
    const { encoding = 'utf-8' } = this.parser.xmlDecl;
    if (!ENCODINGS.test(encoding)) throw this.unreadable(`has the encoding ${encoding}`);
  }

  private declareNamespace(attribute: string, uri: string): void {
    if (attribute === XMLNS) this.declared.push(['', uri]);
    else if (attribute.startsWith(`${XMLNS}:`)) this.declared.push([attribute.slice(XMLNS.length + 1), uri]);
  }

  private openScope(): void {
    this.scopes.push({ depth: this.depth, prefixes: this.prefixes });
    this.setPrefixes(new Map([...this.prefixes, ...this.declared]));
    this.declared = [];
    if (this.prefixes.size > MAX_PREFIXES) throw this.unreadable(`declares more than ${MAX_PREFIXES} namespaces`);
  }

  private onText(text: string): void {
    this.sincePart = 0;
    this.handler.text?.(text);
  }

  private onClose(name: string): void {
    this.sincePart = 0;
    this.handler.close?.(this.nameOf(name));
    const scope = this.scopes.at(-1);
    if (scope?.depth === this.depth) {
      this.scopes.pop();
      this.setPrefixes(scope.prefixes);
    }
    this.depth--;
  }

  private setPrefixes(prefixes: Map<string, string>): void {
    this.prefixes = prefixes;
    this.names = new Map();
    this.attributeNames = new Map();
  }

  private nameOf(written: string): string {
    const known = this.names.get(written);
    if (known !== undefined) return known;
    const colon = written.indexOf(':');
    const uri = this.prefixes.get(colon < 0 ? '' : written.slice(0, colon)) ?? '';
    const prefix = this.namespaces[uri];
    const local = written.slice(colon + 1);
    const name = prefix === undefined ? `?${local}` : prefix === '' ? local : `${prefix}:${local}`;
    if (this.names.size >= MAX_NAMES) this.names.clear();
    this.names.set(written, name);
    return name;
  }

  private readonly readAttribute: ReadAttribute = (name) => {
    for (const written of this.attributeNames.get(name) ?? this.addAttributeNames(name)) {
      const value = this.attributes[written];
      if (value !== undefined) return value;
    }
    return undefined;
  };

  private addAttributeNames(name: string): readonly string[] {
    const [prefix, local] = name.split(':', 2);
    const names = [...this.prefixes].flatMap(([written, uri]) =>
      written !== '' && this.namespaces[uri] === prefix ? [`${written}:${local}`] : [],
    );
    if (names.length === 0) names.push(name); // A document without declarations.
    this.attributeNames.set(name, names);
    return names;
  }

  private unreadable(problem: string, cause?: unknown): SluiceError {
    const advice = 'Open the document in the program that wrote it, and save it again.';
    return new SluiceError('FILE_UNREADABLE', `${this.part} ${problem}. ${advice}`, { cause });
  }
}

/** The members of the archive, as streams. */
export interface Parts {
  file: string;
  members: readonly ZipMember[];
  open: (member: ZipMember) => AsyncIterable<Buffer>;
}

/** Reads a part of the workbook. Returns false when the archive does not contain it. */
export async function readPart(
  { members, file, open }: Parts,
  part: string,
  namespaces: Readonly<Record<string, string>>,
  handler: XmlHandler,
): Promise<boolean> {
  const lower = part.toLowerCase(); // Names of parts have no case (ECMA-376, part 2, 6.2.2.3).
  const member = members.find(({ name }) => name.toLowerCase() === lower);
  if (member === undefined) return false;
  await XmlReader.read(`${part} in ${file}`, open(member), namespaces, handler);
  return true;
}
