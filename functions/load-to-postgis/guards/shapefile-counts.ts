import { createReadStream } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { stemOf } from '#shared/landing/source-parts.ts';

/**
 * A shapefile has one record in its .dbf for each in its .shx (ESRI Shapefile Technical Description, "Organization of the dBASE File"). GDAL
 * reads as many rows as the shorter one has, and shapes where the .shx says they are: a part of another export would cost rows without a word.
 */

const SHX_HEADER_BYTES = 100;
const SHX_RECORD_BYTES = 8;
/** Of the file, in the header of the .shx, in words of two bytes. */
const SHX_LENGTH_AT = 24;
const DBF_HEADER_BYTES = 32;
const CHUNK_BYTES = 2 ** 20;

/** Throws FILE_UNREADABLE when .shx and .dbf differ in their records, or two shapes are the same bytes of the .shp. `path` is that of the .shp. */
export async function checkShapefileCounts(path: string, file: string, signal: AbortSignal): Promise<void> {
  const [shapes, rows] = await Promise.all([shxRecords(`${stemOf(path)}.shx`), dbfRecords(`${stemOf(path)}.dbf`)]);
  if (shapes === undefined || rows === undefined) return; // Not headers at all: GDAL says what is wrong.
  if (shapes !== rows) throw damaged(file, `its .shx lists ${shapes} shapes, its .dbf has ${rows} records`);
  const repeated = await repeatedShape(`${stemOf(path)}.shx`, shapes, signal);
  if (repeated !== undefined)
    throw damaged(file, `shapes ${repeated} and ${repeated + 1} of its .shx are the same bytes of the .shp`);
}

/** Records that the header claims and the file holds. */
async function shxRecords(path: string): Promise<number | undefined> {
  const { head, size } = await headOf(path, SHX_HEADER_BYTES);
  if (head.length < SHX_HEADER_BYTES) return undefined;
  return Math.max(
    0,
    Math.floor((Math.min(size, head.readUInt32BE(SHX_LENGTH_AT) * 2) - SHX_HEADER_BYTES) / SHX_RECORD_BYTES),
  );
}

/** The same of a dBASE table, whose header says how long it and each record is. */
async function dbfRecords(path: string): Promise<number | undefined> {
  const { head, size } = await headOf(path, DBF_HEADER_BYTES);
  if (head.length < DBF_HEADER_BYTES) return undefined;
  const [claimed, headerBytes, recordBytes] = [head.readUInt32LE(4), head.readUInt16LE(8), head.readUInt16LE(10)];
  return recordBytes === 0 ? undefined : Math.max(0, Math.min(claimed, Math.floor((size - headerBytes) / recordBytes)));
}

/** The number, from 1, of the first shape that begins where the next one does. */
async function repeatedShape(path: string, shapes: number, signal: AbortSignal): Promise<number | undefined> {
  if (shapes === 0) return undefined;
  let before: number | undefined;
  let number = 0;
  let rest: Buffer = Buffer.alloc(0);
  const end = SHX_HEADER_BYTES + shapes * SHX_RECORD_BYTES - 1;
  for await (const chunk of createReadStream(path, {
    start: SHX_HEADER_BYTES,
    end,
    highWaterMark: CHUNK_BYTES,
    signal,
  }) as AsyncIterable<Buffer>) {
    const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % SHX_RECORD_BYTES);
    for (let at = 0; at < whole; at += SHX_RECORD_BYTES, number++) {
      const offset = bytes.readUInt32BE(at);
      if (offset === before && offset !== 0) return number;
      before = offset;
    }
    rest = bytes.subarray(whole);
  }
  return undefined;
}

async function headOf(path: string, length: number): Promise<{ head: Buffer; size: number }> {
  const { size } = await stat(path);
  const handle = await open(path);
  try {
    const { bytesRead, buffer } = await handle.read(Buffer.alloc(length), 0, length, 0);
    return { head: buffer.subarray(0, bytesRead), size };
  } finally {
    await handle.close();
  }
}

function damaged(file: string, what: string): SluiceError {
  return new SluiceError('FILE_UNREADABLE', `${file} is damaged: ${what}. Upload the files of one export.`, {
    details: { file },
  });
}
