import { rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { readFileStream, writeFileStream } from '#shared/text/file-streams.ts';
import { rewriteParts } from '../texts/rewrite-parts.ts';
import type { DeclaredTexts } from '../texts/text-facts.ts';

/** GDAL guesses the types of the extensions of GPX: it reads `007` as 7. A guard makes it read them as text. */

const CHUNK_BYTES = 2 ** 18;
const EXTENSIONS = Buffer.from('extensions');
/** Divides a document at the tags of extensions, and keeps these. */
const EXTENSIONS_TAG = /(<\/?(?:[\w.-]+:)?extensions(?:\s[^<>]*)?>)/;
/** A start tag before a text that is not blank. */
const BEFORE_TEXT = /<(?![/!?])(?:[^<>"']|"[^"<]*"|'[^'<]*')*(?<!\/)>(?=\s*(?:[^\s<]|<!\[CDATA\[))/g;
/** GDAL's names of the elements of GPX, whose types are known. */
const KNOWN_FIELDS = new Set([
  ...['ele', 'time', 'magvar', 'geoidheight', 'name', 'cmt', 'desc', 'src', 'number', 'sym', 'type', 'fix', 'sat'],
  ...['hdop', 'vdop', 'pdop', 'ageofdgpsdata', 'dgpsid', 'course', 'speed'],
  ...['link1_href', 'link1_text', 'link1_type', 'link2_href', 'link2_text', 'link2_type', 'url', 'urlname'],
  ...['track_fid', 'track_seg_id', 'track_seg_point_id', 'track_name', 'route_fid', 'route_point_id', 'route_name'],
]);

/** Adds guards to the values of extensions in the local copy. The types of their columns are found by all values. */
export async function guardGpxTexts(path: string, guard: string, signal: AbortSignal): Promise<DeclaredTexts> {
  if (!(await hasExtensions(path, signal))) return {};
  const target = `${path}.text`;
  let isInside = false;
  const rewrite = (text: string) =>
    text
      .split(EXTENSIONS_TAG)
      .map((part, index) => {
        if (index % 2 === 0) return isInside ? part.replaceAll(BEFORE_TEXT, `$&${guard}`) : part;
        isInside = !part.startsWith('</') && !part.endsWith('/>');
        return part;
      })
      .join('');
  await pipeline(
    readFileStream(path, { highWaterMark: CHUNK_BYTES }),
    (chunks: AsyncIterable<Buffer>) => rewriteParts(chunks, rewrite),
    writeFileStream(target),
    { signal },
  );
  await rename(target, path);
  return { guard, declared: ({ name }) => (KNOWN_FIELDS.has(name) ? 'String' : undefined) };
}

async function hasExtensions(path: string, signal: AbortSignal): Promise<boolean> {
  let end: Buffer = Buffer.alloc(0);
  const chunks = readFileStream(path, { highWaterMark: CHUNK_BYTES, signal }) as AsyncIterable<Buffer>;
  for await (const chunk of chunks) {
    if (chunk.includes(EXTENSIONS) || Buffer.concat([end, chunk.subarray(0, EXTENSIONS.length)]).includes(EXTENSIONS))
      return true;
    end = chunk.subarray(-EXTENSIONS.length);
  }
  return false;
}
