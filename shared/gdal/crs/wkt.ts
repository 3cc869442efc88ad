import { SluiceError } from '#shared/errors/sluice-error.ts';

/**
 * Parser for well-known text of coordinate reference systems: WKT2 (OGC 18-010r7) and WKT1. Text of a user is parsed
 * before any program reads it, so the parser is strict: it accepts no text that PROJ could understand differently.
 *
 * Tried instead: wkt-parser 1.5.6 (accepts text after the end and unbalanced brackets, rejects round brackets), and
 * PROJJSON from projinfo (40 ms for each file, and PROJ would read the text before it is checked).
 */

export interface WktNode {
  keyword: string;
  values: (WktNode | string | number)[];
}

/** The WKT of a CRS has a few thousand characters; a compound CRS with grids also fits. */
const MAX_WKT_LENGTH = 65_536;
/** The deepest CRS in the EPSG register has fewer than 12 levels. */
const MAX_DEPTH = 40;
/** Groups: quoted text, keyword, number, bracket or comma, any other character except a space. */
const TOKEN = /("(?:[^"]|"")*")|([A-Za-z_]\w*)|([-+]?[\d.]+(?:[eE][-+]?\d+)?)|([[\](),])|(\S)/g;

/** Parses a WKT text. Throws CRS_UNREADABLE that names the unexpected token. */
export function parseWkt(text: string): WktNode {
  if (text.length > MAX_WKT_LENGTH) throw crsUnreadable(`it has ${text.length} characters`);
  const parser = new WktParser(text);
  const root = parser.node(0);
  parser.end();
  return root;
}

/** WKT without line breaks and indentation. Quoted texts are not changed. */
export function onOneLine(text: string): string {
  return text.replaceAll(/("[^"]*")|\s+/g, (_match, quoted: string | undefined) => quoted ?? '');
}

/** The child nodes with one of these keywords. */
export function childNodes(node: WktNode, ...keywords: string[]): WktNode[] {
  return node.values.filter((child): child is WktNode => typeof child === 'object' && keywords.includes(child.keyword));
}

export function crsUnreadable(reason: string): SluiceError {
  return new SluiceError(
    'CRS_UNREADABLE',
    `The coordinate reference system cannot be read: ${reason}. Specify it as EPSG:n, OGC:CRS84 or WKT.`,
  );
}

class WktParser {
  #tokens: RegExpExecArray[];
  #at = 0;

  constructor(text: string) {
    this.#tokens = [...text.matchAll(TOKEN)];
  }

  node(depth: number): WktNode {
    if (depth > MAX_DEPTH) throw crsUnreadable('it is nested too deeply');
    const keyword = this.#tokens[this.#at]?.[2];
    if (keyword === undefined) throw crsUnreadable('it does not start with a keyword');
    this.#at++;
    const close = this.#expect('[', '(') === '[' ? ']' : ')';
    const values: WktNode['values'] = [this.#value(depth)];
    while (this.#expect(',', close) === ',') values.push(this.#value(depth));
    return { keyword: keyword.toUpperCase(), values };
  }

  end(): void {
    if (this.#at < this.#tokens.length) throw crsUnreadable('text follows its end');
  }

  #value(depth: number): WktNode | string | number {
    const [, quoted, word, number] = this.#tokens[this.#at] ?? [];
    if (word !== undefined && ['[', '('].includes(this.#text(this.#at + 1) ?? '')) return this.node(depth + 1);
    const value = quoted?.slice(1, -1).replaceAll('""', '"') ?? word ?? (number && Number(number));
    if (value === undefined) throw this.#unexpected('a value');
    this.#at++;
    return value;
  }

  /** The next token, which must be one of `allowed`. */
  #expect(...allowed: string[]): string {
    const token = this.#text(this.#at);
    if (token === undefined || !allowed.includes(token)) throw this.#unexpected(allowed.join(' or '));
    this.#at++;
    return token;
  }

  #text(index: number): string | undefined {
    return this.#tokens[index]?.[0];
  }

  #unexpected(expected: string): SluiceError {
    const token = this.#text(this.#at);
    return crsUnreadable(
      token === undefined ? 'it ends too early' : `found ${JSON.stringify(token)} where ${expected} is expected`,
    );
  }
}
