import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { readFileStream, writeFileStream } from '#shared/streams/file-streams.ts';
import { unescapeXml } from '#shared/text/unescape-xml.ts';
import { BEFORE_CHARACTERS, rewriteParts } from './rewrite-parts.ts';
import type { DeclaredTexts } from './text-facts.ts';

/**
 * Makes GDAL read the typed fields of a KML document as text, in the local copy. GDAL reads 5000000000 in a field of
 * type int as another number, `n/a` as 0, and only the first 17 digits of a double. Values keep the white space around
 * them.
 */

const CHUNK_BYTES = 2 ** 18;
const SIMPLE_FIELD = /<(?:[\w.-]+:)?SimpleField\b[^<>]*>/g;
const TYPE = /(\stype\s*=\s*)(["'])\s*([a-z]+)\s*\2/i;
const NO_EXTRUDE = /<(?:[\w.-]+:)?extrude\s*>\s*(?:0|false)/;
const PLACEMARK_OR_EXTRUDE = /<(?:[\w.-]+:)?(Placemark|extrude)[\s>]/g;
const NAME = /\sname\s*=\s*(["'])(.*?)\1/i;
/** GDAL's names of the types of KML. */
const TYPES: Record<string, string | undefined> = {
  bool: 'Integer(Boolean)',
  boolean: 'Integer(Boolean)',
  short: 'Integer',
  ushort: 'Integer',
  int: 'Integer',
  uint: 'Integer64',
  float: 'Real',
  double: 'Real',
};

/** By the name of a field; undefined for a name with several types. */
type TypesByName = Map<string, string | undefined>;

export async function declareKmlTexts(
  { path, file }: { path: string; file: string },
  marker: string,
  signal: AbortSignal,
): Promise<DeclaredTexts> {
  const types: TypesByName = new Map();
  const target = `${path}.text`;
  const markers = { isUsed: false };
  const extrude = new ExtrudeFacts();
  const rewrite = (chunks: AsyncIterable<Buffer>) =>
    rewriteParts(chunks, (text, before) => {
      const marked = markBlanks(text, marker, before);
      extrude.add(text);
      markers.isUsed ||= marked.length > text.length;
      return declareTexts(marked, types);
    });
  await pipeline(readFileStream(path, { highWaterMark: CHUNK_BYTES }), rewrite, writeFileStream(target), { signal });
  if (types.size === 0 && !markers.isUsed) {
    await rm(target);
    return extrude.result(file);
  }
  await rename(target, path);
  return {
    ...extrude.result(file),
    ...(markers.isUsed ? { valueMarker: marker } : {}),
    ...(types.size === 0 ? {} : { declared: ({ name }) => (types.has(name) ? types.get(name) : 'String') }),
  };
}

/** Which placemarks have an element `extrude`. GDAL reads 0 where it is missing. */
export class ExtrudeFacts {
  #isZero = false;
  #placemarks = 0;
  #withExtrude = 0;
  #isCounted = true;

  /** `text` is a part of a document that ends before a tag. */
  add(text: string): void {
    this.#isZero ||= NO_EXTRUDE.test(text);
    for (const [, name] of text.matchAll(PLACEMARK_OR_EXTRUDE)) {
      if (name === 'Placemark') this.#placemarks++;
      else if (!this.#isCounted) this.#withExtrude++;
      this.#isCounted = name === 'extrude';
    }
  }

  /** A note when 0 is the value of some placemarks, and of others that have none. */
  result(file: string): { isExtrudeUnset: boolean; notes: Note[] } {
    const missing = this.#placemarks - this.#withExtrude;
    if (!this.#isZero || missing === 0) return { isExtrudeUnset: !this.#isZero, notes: [] };
    const message =
      `${missing} of ${this.#placemarks} placemarks of ${file} have no <extrude>. ` +
      'Column "extrude" is 0 for them, which is the default of KML.';
    return { isExtrudeUnset: false, notes: [{ code: 'VALUES_CHANGED', column: 'extrude', file, message }] };
  }
}

function declareTexts(text: string, types: TypesByName): string {
  return text.replaceAll(SIMPLE_FIELD, (tag) => {
    const declared = declaredTypeOf(tag);
    const field = fieldNameOf(tag);
    if (declared === undefined || field === undefined) return tag;
    types.set(field, types.has(field) && types.get(field) !== declared ? undefined : declared);
    return tag.replace(TYPE, '$1$2string$2');
  });
}

/** GDAL's name of the type in a tag of SimpleField; undefined for a text. */
export function declaredTypeOf(tag: string): string | undefined {
  return TYPES[TYPE.exec(tag)?.[3]?.toLowerCase() ?? ''];
}

/** The name in a tag of SimpleField or SimpleData, whose bytes are Latin-1. */
export function fieldNameOf(tag: string): string | undefined {
  const name = NAME.exec(tag)?.[2];
  return name === undefined ? undefined : unescapeXml(Buffer.from(name, 'latin1').toString('utf8'));
}

/** The start tag of a value that can begin with white space: it is also written as a reference, or in CDATA. */
const START = /<(?:[\w.-]+:)?SimpleData(?:[^<>"']|"[^"<]*"|'[^'<]*')*(?<!\/)>(?=[\s&]|<!)/g;
const END = /<\/(?:[\w.-]+:)?SimpleData\s*>/g;
/** The end of a value that can end with white space. */
const BLANK_END = /(?:[\s;]|\]\]>|-->|\?>)$/;

/**
 * Adds a value marker (value-markers.ts) between the tags of SimpleData and white space in the value, which GDAL
 * removes. `text` is a part of a document that ends before a tag; `before` are the BEFORE_CHARACTERS characters before
 * it.
 */
export function markBlanks(text: string, marker: string, before: string): string {
  if (!text.includes('SimpleData')) return text;
  const endBefore = (at: number) =>
    at >= BEFORE_CHARACTERS ? text.slice(at - BEFORE_CHARACTERS, at) : before + text.slice(0, at);
  return text
    .replaceAll(END, (tag: string, at: number) => (BLANK_END.test(endBefore(at)) ? marker + tag : tag))
    .replaceAll(START, `$&${marker}`);
}
