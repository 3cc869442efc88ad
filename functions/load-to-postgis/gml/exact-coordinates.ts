import { rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { readFirstBytes } from '#shared/formats/signatures.ts';
import { readFileStream, writeFileStream } from '#shared/streams/file-streams.ts';
import { utf16Of } from '#shared/text/utf8.ts';
import { GmlPrefixes, parseStartTag } from '../readers/markup-reader.ts';

/**
 * Makes GDAL read the coordinates of a GML file exactly. GDAL's own parser of numbers has an error of one unit in the
 * last place for 16 digits and more, but it leaves numbers with an exponent to the C library. `2.3333333333333335`
 * therefore becomes `2.3333333333333335e0` in the local copy.
 */

const CHUNK_BYTES = 2 ** 18;
const BYTE_ORDER_MARK_BYTES = 2;
/** A start tag of an element with coordinates. Features can have elements with the same names and other prefixes. */
const START = /<(?:[\w.-]+:)?(?:pos|posList|coordinates|X|Y|Z|lowerCorner|upperCorner)(?:\s[^<>]*)?>/g;
const MAX_TAG_CHARACTERS = 4096;
/** A number of 16 digits or more, without an exponent. */
const LONG_NUMBER = /(?<![\w.+-])[-+]?(?=[\d.]{17})\d+\.\d+(?![\w.])/g;
/** A number at the end of a chunk may continue. */
const MAX_NUMBER_CHARACTERS = 128;

/** Rewrites the document at `path`. One in UTF-16 is not changed. */
export async function makeCoordinatesExact(path: string, signal: AbortSignal): Promise<void> {
  if (utf16Of(await readFirstBytes(path, BYTE_ORDER_MARK_BYTES)) !== undefined) return;
  const target = `${path}.exact`;
  await pipeline(
    readFileStream(path, { highWaterMark: CHUNK_BYTES }),
    (chunks: AsyncIterable<Buffer>) => withExponents(chunks),
    writeFileStream(target),
    { signal },
  );
  await rename(target, path);
}

/** Adds exponents to long numbers in elements with coordinates. The bytes of other texts do not change. */
export async function* withExponents(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let text = '';
  let inCoordinates = false;
  const prefixes = new GmlPrefixes();
  for await (const chunk of chunks) {
    text += chunk.toString('latin1');
    prefixes.add(text);
    const rewritten = rewrite(text, { prefixes, startsInside: inCoordinates, isEnd: false });
    [text, inCoordinates] = [rewritten.rest, rewritten.inCoordinates];
    yield Buffer.from(rewritten.text, 'latin1');
  }
  yield Buffer.from(rewrite(text, { prefixes, startsInside: inCoordinates, isEnd: true }).text, 'latin1');
}

interface Place {
  prefixes: GmlPrefixes;
  startsInside: boolean;
  isEnd: boolean;
}

function rewrite(text: string, { prefixes, startsInside, isEnd }: Place) {
  let inCoordinates = startsInside;
  let at = 0;
  let result = '';
  for (;;) {
    if (inCoordinates) {
      const end = text.indexOf('<', at);
      // A number or a tag that is cut stays for the next chunk.
      const until = end >= 0 ? end : isEnd ? text.length : endOfNumbers(text, at);
      result += text.slice(at, until).replaceAll(LONG_NUMBER, '$&e0');
      at = until;
      if (end < 0) break;
      inCoordinates = false;
      continue;
    }
    START.lastIndex = at;
    const start = START.exec(text);
    if (start === null) {
      const tag = isEnd ? -1 : text.lastIndexOf('<');
      const until = tag >= at && text.length - tag < MAX_TAG_CHARACTERS ? tag : text.length;
      result += text.slice(at, until);
      at = until;
      break;
    }
    result += text.slice(at, START.lastIndex);
    at = START.lastIndex;
    const { prefix, isEmpty } = parseStartTag(start[0]);
    inCoordinates = !isEmpty && prefixes.has(prefix);
  }
  return { text: result, rest: text.slice(at), inCoordinates };
}

/** The position after the last number that is complete. A longer text without a blank is not a number. */
function endOfNumbers(text: string, start: number): number {
  const from = Math.max(start, text.length - MAX_NUMBER_CHARACTERS);
  for (let at = text.length - 1; at >= from; at--) if (/[\s,]/.test(text[at] ?? '')) return at + 1;
  return from === start ? start : text.length;
}
