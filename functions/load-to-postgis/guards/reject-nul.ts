import { createReadStream } from 'node:fs';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { VectorSource } from '../fetch/fetch-vector.ts';

/**
 * A NUL character ends a text in C: GDAL keeps what stands before it, in CSV of the whole line, and says nothing. PostgreSQL has no such
 * character either, so a text file that holds one is refused. In binary formats, NUL is how texts end.
 */

const NUL_ESCAPE = Buffer.from(String.raw`\u0000`);
const BACKSLASH = 0x5c;
const CHUNK_BYTES = 2 ** 20;

/** Reads a text file to its end. Throws ENCODING_INVALID with the place of the first NUL. */
export async function refuseNul({ path, file, format }: VectorSource, signal: AbortSignal): Promise<void> {
  if (format.encoding !== 'transcode') return;
  const chunks = createReadStream(path, { highWaterMark: CHUNK_BYTES, signal }) as AsyncIterable<Buffer>;
  const found = await findNul(chunks, { escapes: format.drivers.includes('GeoJSON') });
  if (found === undefined) return;
  throw new SluiceError(
    'ENCODING_INVALID',
    `${file} holds a NUL character${found.escaped ? ` (${NUL_ESCAPE.toString()})` : ''} at byte ${found.at}, which no text in a table can hold. Remove it.`,
    { details: { file, byte: found.at } },
  );
}

/** The first NUL of a UTF-8 text and its place, counted from 1; with `escapes`, also one that is written as JSON does. Undefined when there is none. */
export async function findNul(
  chunks: AsyncIterable<Buffer>,
  { escapes }: { escapes: boolean },
): Promise<{ at: number; escaped: boolean } | undefined> {
  let offset = 0;
  let text: Buffer = Buffer.alloc(0);
  let backslashes = 0; // Those right before `text`.
  for await (const chunk of chunks) {
    const raw = chunk.indexOf(0);
    if (raw >= 0) return { at: offset + text.length + raw + 1, escaped: false };
    if (!escapes) {
      offset += chunk.length;
      continue;
    }
    text = Buffer.concat([text, chunk]);
    for (let at = text.indexOf(NUL_ESCAPE); at >= 0; at = text.indexOf(NUL_ESCAPE, at + 1)) {
      if (backslashesBefore(text, at, backslashes) % 2 === 0) return { at: offset + at + 1, escaped: true };
    }
    // An escape may be divided between two chunks.
    const read = Math.max(0, text.length - NUL_ESCAPE.length + 1);
    backslashes = backslashesBefore(text, read, backslashes);
    text = text.subarray(read);
    offset += read;
  }
  return undefined;
}

/** A backslash behind an odd number of others is itself escaped. */
function backslashesBefore(text: Buffer, at: number, beforeText: number): number {
  let from = at;
  while (from > 0 && text[from - 1] === BACKSLASH) from--;
  return at - from + (from === 0 ? beforeText : 0);
}
