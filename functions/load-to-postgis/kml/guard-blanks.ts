import { BEFORE_CHARACTERS } from '../texts/rewrite-parts.ts';

/** The start tag of a value that can begin with white space: it is also written as a reference, or in CDATA. */
const START = /<(?:[\w.-]+:)?SimpleData(?:[^<>"']|"[^"<]*"|'[^'<]*')*(?<!\/)>(?=[\s&]|<!)/g;
const END = /<\/(?:[\w.-]+:)?SimpleData\s*>/g;
/** The end of a value that can end with white space. */
const BLANK_END = /(?:[\s;]|\]\]>|-->|\?>)$/;

/**
 * Adds a guard (texts/guard.ts) between the tags of SimpleData and white space in the value, which GDAL removes. `text`
 * is a part of a document that ends before a tag; `before` are the BEFORE_CHARACTERS characters before it.
 */
export function guardBlanks(text: string, guard: string, before: string): string {
  if (!text.includes('SimpleData')) return text;
  const endBefore = (at: number) =>
    at >= BEFORE_CHARACTERS ? text.slice(at - BEFORE_CHARACTERS, at) : before + text.slice(0, at);
  return text
    .replaceAll(END, (tag: string, at: number) => (BLANK_END.test(endBefore(at)) ? guard + tag : tag))
    .replaceAll(START, `$&${guard}`);
}
