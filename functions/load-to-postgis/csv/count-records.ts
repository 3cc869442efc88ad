import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readFileStream } from '#shared/text/file-streams.ts';

const QUOTE = 0x22;
const LF = 0x0a;
const CR = 0x0d;
const SPACE = 0x20;
/** The delimiters that GDAL detects. A value begins after one of them. */
const DELIMITERS = new Set([...',;\t|'].map((delimiter) => delimiter.charCodeAt(0)));
const CHUNK_BYTES = 2 ** 20;

export interface CsvRecords {
  /** Records with the header. Blank lines are not counted. */
  records: number;
  /** The line, from 1, with a quote that is never closed. */
  openQuoteLine: number | undefined;
}

/**
 * Compares the number of rows that GDAL read with the number of records by RFC 4180, where a quote opens only at the
 * beginning of a value. GDAL accepts a quote anywhere, such as in `5" pipe`, and without a message reads all lines up
 * to the next quote as one value. Throws FILE_UNREADABLE when rows are missing. GDAL may have read the header as a
 * row.
 */
export async function checkCsvRows(path: string, rows: number, file: string, signal: AbortSignal): Promise<void> {
  const { records, openQuoteLine } = await countRecords(
    readFileStream(path, { highWaterMark: CHUNK_BYTES, signal }) as AsyncIterable<Buffer>,
  );
  if (openQuoteLine !== undefined)
    throw new SluiceError(
      'FILE_UNREADABLE',
      `Line ${openQuoteLine} of ${file} opens a quote that is never closed. Close the quote.`,
      { details: { file, line: openQuoteLine } },
    );
  const expected = records - 1; // Without the header.
  if (rows >= expected) return;
  throw new SluiceError(
    'FILE_UNREADABLE',
    `${file} has ${expected} records, but GDAL reads ${rows}, because a value contains an unescaped quote. ` +
      'Put values that contain a quote in quotes, and double the quotes inside them.',
    { details: { file, records: expected, rows } },
  );
}

/** Counts the records of a UTF-8 text. LF, CR LF or CR ends a line. */
export async function countRecords(chunks: AsyncIterable<Buffer>): Promise<CsvRecords> {
  let records = 0;
  let line = 1;
  let inQuotes = false;
  let quoteLine = 0;
  let atValueStart = true;
  let isBlank = true;
  let previous = 0;
  for await (const chunk of chunks) {
    for (const byte of chunk) {
      const isLineEnd = byte === LF || byte === CR;
      if (isLineEnd && !(byte === LF && previous === CR)) line++;
      previous = byte;
      if (inQuotes) {
        if (byte === QUOTE) inQuotes = false; // The second quote of a doubled one opens again.
        continue;
      }
      if (isLineEnd) {
        if (!isBlank) records++;
        isBlank = true;
        atValueStart = true;
      } else if (byte === QUOTE && atValueStart) {
        inQuotes = true;
        quoteLine = line;
        isBlank = false;
      } else if (byte !== SPACE) {
        atValueStart = DELIMITERS.has(byte);
        isBlank = false;
      }
    }
  }
  if (!isBlank) records++;
  return { records, openQuoteLine: inQuotes ? quoteLine : undefined };
}
