import { rename } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { readChunks, readFileStream, writeFileStream } from '#shared/streams/file-streams.ts';
import { rewriteParts } from '../texts/rewrite-parts.ts';
import type { DeclaredTexts } from '../texts/text-facts.ts';

/** GDAL guesses the types of the extensions of GPX: it reads `007` as 7. A value marker makes it read them as text. */

const CHUNK_BYTES = 2 ** 18;
const EXTENSIONS = Buffer.from('extensions');
/** A tag of extensions, or the start of a comment or of CDATA, which can contain such a text. */
const MARKUP = /<!--|<!\[CDATA\[|<\/?(?:[\w.-]+:)?extensions(?:\s[^<>]*)?>/g;
/** A start tag before a text that is not blank. */
const BEFORE_TEXT = /<(?![/!?])(?:[^<>"']|"[^"<]*"|'[^'<]*')*(?<!\/)>(?=\s*(?:[^\s<]|<!\[CDATA\[))/g;
/** GDAL's names of the elements of GPX, whose types are known. */
const KNOWN_FIELDS = new Set([
  ...['ele', 'time', 'magvar', 'geoidheight', 'name', 'cmt', 'desc', 'src', 'number', 'sym', 'type', 'fix', 'sat'],
  ...['hdop', 'vdop', 'pdop', 'ageofdgpsdata', 'dgpsid', 'course', 'speed'],
  ...['link1_href', 'link1_text', 'link1_type', 'link2_href', 'link2_text', 'link2_type', 'url', 'urlname'],
  ...['track_fid', 'track_seg_id', 'track_seg_point_id', 'track_name', 'route_fid', 'route_point_id', 'route_name'],
]);

/**
 * Adds value markers to the values of extensions in the local copy. The types of their columns are found by all values.
 */
export async function markGpxTexts(path: string, marker: string, signal: AbortSignal): Promise<DeclaredTexts> {
  if (!(await hasExtensions(path, signal))) return {};
  const target = `${path}.text`;
  const rewrite = extensionMarker(marker);
  await pipeline(
    readFileStream(path, { highWaterMark: CHUNK_BYTES }),
    (chunks: AsyncIterable<Buffer>) => rewriteParts(chunks, rewrite),
    writeFileStream(target),
    { signal },
  );
  await rename(target, path);
  return { valueMarker: marker, declared: ({ name }) => (KNOWN_FIELDS.has(name) ? 'String' : undefined) };
}

/** Adds the value marker to values inside of extensions. Call it with the parts of a document in order. */
function extensionMarker(marker: string): (text: string, before: string) => string {
  let depth = 0;
  let skippedTo: string | undefined;
  return (text, before) => {
    const markup = new RegExp(MARKUP);
    let out = '';
    for (let at = 0; at < text.length;) {
      if (skippedTo !== undefined) {
        // A part can end in the middle of a long comment.
        const lead = at === 0 ? before.slice(1 - skippedTo.length) : '';
        const end = (lead + text).indexOf(skippedTo, at);
        const next = end < 0 ? text.length : end - lead.length + skippedTo.length;
        out += text.slice(at, next);
        at = next;
        if (end >= 0) skippedTo = undefined;
        continue;
      }
      markup.lastIndex = at;
      const found = markup.exec(text);
      // The start of CDATA belongs to the part before it, whose last tag is before a text then.
      const next = found === null ? text.length : found.index + found[0].length;
      const part = text.slice(at, next);
      out += depth > 0 ? part.replaceAll(BEFORE_TEXT, `$&${marker}`) : part;
      at = next;
      const token = found?.[0] ?? '';
      if (token.startsWith('<!')) skippedTo = token === '<!--' ? '-->' : ']]>';
      else if (token.startsWith('</')) depth = Math.max(depth - 1, 0);
      else if (token !== '' && !token.endsWith('/>')) depth += 1;
    }
    return out;
  };
}

async function hasExtensions(path: string, signal: AbortSignal): Promise<boolean> {
  let end: Buffer = Buffer.alloc(0);
  const chunks = readChunks(path, { highWaterMark: CHUNK_BYTES, signal });
  for await (const chunk of chunks) {
    if (chunk.includes(EXTENSIONS) || Buffer.concat([end, chunk.subarray(0, EXTENSIONS.length)]).includes(EXTENSIONS))
      return true;
    end = chunk.subarray(-EXTENSIONS.length);
  }
  return false;
}
