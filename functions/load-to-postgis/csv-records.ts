import { createReadStream } from 'node:fs';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/**
 * Counts the records of a CSV by RFC 4180, where a quote opens only at the beginning of a value. GDAL takes any quote for an opening one (that
 * of `5" pipe` too) and reads all lines up to the next quote as one value, without a word; so its rows are compared with this count.
 */

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
/** What may stand before a value: the delimiters that GDAL detects. */
const DELIMITERS = new Set([...',;\t|'].map((delimiter) => delimiter.charCodeAt(0)));
const CHUNK_BYTES = 2 ** 20;

export interface CsvRecords {
  /** With the header; blank lines are none. */
  records: number;
  /** The line, from 1, on which a quote opens that is never closed. */
  openQuoteLine: number | undefined;
}

/** Throws FILE_UNREADABLE when fewer than all records became rows. `rows` are what GDAL read, with or without a header before them. */
export async function checkCsvRows(path: string, rows: number, file: string, signal: AbortSignal): Promise<void> {
  const { records, openQuoteLine } = await countRecords(
    createReadStream(path, { highWaterMark: CHUNK_BYTES, signal }) as AsyncIterable<Buffer>,
  );
  if (openQuoteLine !== undefined) {
    throw new SluiceError(
      'FILE_UNREADABLE',
      `Line ${openQuoteLine} of ${file} opens a quote that is never closed, so that the lines after it are part of a value. Close it.`,
      { details: { file, line: openQuoteLine } },
    );
  }
  const header = 1;
  if (rows >= records - header) return;
  throw new SluiceError(
    'FILE_UNREADABLE',
    `${file} has ${records - header} records, but GDAL reads ${rows}: a quote within a value takes the lines after it along. Put such values in quotes, with their own quotes doubled.`,
    {
      details: { file, records: records - header, rows },
    },
  );
}

/** Counts the records of a UTF-8 text. Line ends are LF, CR LF or CR. */
export async function countRecords(chunks: AsyncIterable<Buffer>): Promise<CsvRecords> {
  let records = 0;
  let line = 1;
  let inQuotes = false;
  let openedOn = 0;
  let atValue = true;
  let isBlank = true;
  let before = 0;
  for await (const chunk of chunks) {
    for (const byte of chunk) {
      const isLineEnd = byte === LF || byte === CR;
      if (isLineEnd && !(byte === LF && before === CR)) line++;
      before = byte;
      if (inQuotes) {
        if (byte === QUOTE) inQuotes = false; // A doubled quote opens again: it is no line end in between.
        continue;
      }
      if (isLineEnd) {
        if (!isBlank) records++;
        isBlank = true;
        atValue = true;
      } else if (byte === QUOTE && atValue) {
        inQuotes = true;
        openedOn = line;
        isBlank = false;
      } else if (byte !== SPACE) {
        atValue = DELIMITERS.has(byte);
        isBlank = false;
      }
    }
  }
  if (!isBlank) records++;
  return { records, openQuoteLine: inQuotes ? openedOn : undefined };
}
