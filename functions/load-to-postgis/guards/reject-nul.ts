import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readChunks } from '#shared/streams/file-streams.ts';
import type { VectorSource } from '../vector-source.ts';

/**
 * Rejects text files with a NUL character. GDAL handles text as C strings: it drops everything after a NUL (in a CSV,
 * the rest of the line) without a warning, and PostgreSQL cannot store the character. Binary formats are not checked,
 * because NUL is a valid byte in them.
 */

const NUL_ESCAPE = Buffer.from(String.raw`\u0000`);
const BACKSLASH = 0x5c;

/** Reads a text file to its end. Throws ENCODING_INVALID with the position of the first NUL character. */
export async function rejectNul({ path, file, format }: VectorSource, signal: AbortSignal): Promise<void> {
  if (format.encoding !== 'transcode') return;
  const chunks = readChunks(path, { signal });
  const found = await findNul(chunks, { escapes: format.drivers.includes('GeoJSON') });
  if (found === undefined) return;
  const notation = found.escaped ? ` (${NUL_ESCAPE.toString()})` : '';
  throw new SluiceError(
    'ENCODING_INVALID',
    `${file} contains a NUL character${notation} at byte ${found.at}, which PostgreSQL cannot store. Remove it.`,
    { details: { file, byte: found.at } },
  );
}

/**
 * Returns the first NUL character of a UTF-8 text and its position in bytes, counted from 1; undefined without one.
 * `escapes` also finds the JSON notation of the character.
 */
export async function findNul(
  chunks: AsyncIterable<Buffer>,
  { escapes }: { escapes: boolean },
): Promise<{ at: number; escaped: boolean } | undefined> {
  let offset = 0;
  let text: Buffer = Buffer.alloc(0);
  let backslashes = 0; // Number of backslashes directly before `text`.
  for await (const chunk of chunks) {
    const raw = chunk.indexOf(0);
    if (raw >= 0) return { at: offset + text.length + raw + 1, escaped: false };
    if (!escapes) {
      offset += chunk.length;
      continue;
    }
    text = Buffer.concat([text, chunk]);
    const escape = findEscape(text, backslashes);
    if (escape >= 0) return { at: offset + escape + 1, escaped: true };
    // Keep the last bytes: an escape can span two chunks.
    const searched = Math.max(0, text.length - NUL_ESCAPE.length + 1);
    backslashes = countBackslashesBefore(text, searched, backslashes);
    text = text.subarray(searched);
    offset += searched;
  }
  return undefined;
}

/** The index of the first NUL escape whose backslash is not itself escaped; -1 without one. */
function findEscape(text: Buffer, backslashesBeforeText: number): number {
  let at = text.indexOf(NUL_ESCAPE);
  while (at >= 0 && countBackslashesBefore(text, at, backslashesBeforeText) % 2 !== 0)
    at = text.indexOf(NUL_ESCAPE, at + 1);
  return at;
}

function countBackslashesBefore(text: Buffer, at: number, backslashesBeforeText: number): number {
  let from = at;
  while (from > 0 && text[from - 1] === BACKSLASH) from--;
  return at - from + (from === 0 ? backslashesBeforeText : 0);
}
