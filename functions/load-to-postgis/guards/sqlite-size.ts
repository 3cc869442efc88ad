import { type FileHandle, open } from 'node:fs/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { readBytesAt } from '#shared/streams/file-streams.ts';

/**
 * Measures the schema of an SQLite database before SQLite parses it: SQLite and GDAL hold the text of all statements in
 * memory. The rows of the schema are found by the b-tree that starts on page 1 (SQLite's page "Database File Format").
 */

/** A table with 2,000 columns has a statement of less than 200 KB. */
const MAX_STATEMENT_BYTES = 2 ** 20;
/** A GeoPackage has about 8 KB of statements per layer. */
const MAX_SCHEMA_BYTES = 16 * 2 ** 20;
/** Rows and pages that are read. A GeoPackage has about 15 rows per layer. */
const MAX_SCHEMA_ROWS = 100_000;

const HEADER_BYTES = 100;
const PAGE_SIZE_AT = 16;
/** Kinds of pages of a table, in their first byte. */
const [INTERIOR, LEAF] = [0x05, 0x0d];
const CELL_COUNT_AT = 3;
const RIGHT_CHILD_AT = 8;
const CELLS_AT = { [INTERIOR]: 12, [LEAF]: 8 };
/** A varint holds 7 bits per byte. Five bytes exceed every limit above. */
const VARINT_BYTES = 5;

/** Throws FILE_TOO_LARGE when the schema exceeds a limit, FILE_UNREADABLE when its pages are damaged. */
export async function checkSchemaSize(path: string, file: string): Promise<void> {
  const database = await open(path);
  try {
    const pageBytes = await readPageSize(database);
    let [rows, bytes] = [0, 0];
    const pages = [1];
    for (let at = 0; at < pages.length; at++) {
      const { children, payloads } = parsePage(await readPage(database, pages[at] ?? 0, pageBytes), pages[at] === 1);
      pages.push(...children);
      rows += payloads.length;
      bytes += payloads.reduce((sum, payload) => sum + payload, 0);
      const longest = Math.max(0, ...payloads);
      if (longest > MAX_STATEMENT_BYTES)
        throw schemaTooLarge(file, `a statement of ${longest} bytes in its schema`, MAX_STATEMENT_BYTES);
      if (bytes > MAX_SCHEMA_BYTES) throw schemaTooLarge(file, `more than ${bytes} bytes of schema`, MAX_SCHEMA_BYTES);
      if (Math.max(rows, pages.length) > MAX_SCHEMA_ROWS)
        throw schemaTooLarge(file, `more than ${MAX_SCHEMA_ROWS} entries in its schema`, MAX_SCHEMA_ROWS);
    }
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw new SluiceError('FILE_UNREADABLE', `${file} is a damaged SQLite database. Export it again.`, {
      cause: thrown,
      details: { file },
    });
  } finally {
    await database.close();
  }
}

async function readPageSize(database: FileHandle): Promise<number> {
  const header = await readAt(database, 0, HEADER_BYTES);
  const size = header.readUInt16BE(PAGE_SIZE_AT);
  return size === 1 ? 2 ** 16 : size; // 65,536 does not fit into the two bytes.
}

function readPage(database: FileHandle, page: number, pageBytes: number): Promise<Buffer> {
  return readAt(database, (page - 1) * pageBytes, pageBytes);
}

/** Throws RangeError when the file is too short. */
async function readAt(database: FileHandle, position: number, bytes: number): Promise<Buffer> {
  const read = await readBytesAt(database, position, bytes);
  if (read.length < bytes || bytes < HEADER_BYTES) throw new RangeError(`no page at ${position}`);
  return read;
}

/** The child pages of an interior page, or the sizes of the rows of a leaf page. Throws RangeError. */
function parsePage(page: Buffer, isFirst: boolean): { children: number[]; payloads: number[] } {
  const start = isFirst ? HEADER_BYTES : 0;
  const kind = page[start];
  if (kind !== INTERIOR && kind !== LEAF) throw new RangeError(`page of kind ${kind}`);
  const count = page.readUInt16BE(start + CELL_COUNT_AT);
  const cells = Array.from({ length: count }, (_, index) =>
    page.readUInt16BE(start + (CELLS_AT[kind] ?? 0) + index * 2),
  );
  if (kind === LEAF) return { children: [], payloads: cells.map((cell) => readVarint(page, cell)) };
  const children = cells.map((cell) => page.readUInt32BE(cell));
  return { children: [...children, page.readUInt32BE(start + RIGHT_CHILD_AT)], payloads: [] };
}

/** The number at `at`; Infinity when it has more than VARINT_BYTES bytes. */
function readVarint(page: Buffer, at: number): number {
  let value = 0;
  for (let index = at; index < at + VARINT_BYTES; index++) {
    const byte = page.readUInt8(index);
    value = value * 2 ** 7 + (byte & 0x7f);
    if (byte < 0x80) return value;
  }
  return Infinity;
}

function schemaTooLarge(file: string, found: string, limit: number): SluiceError {
  return new SluiceError(
    'FILE_TOO_LARGE',
    `${file} has ${found}; the limit is ${limit}. ` +
      'Remove comments, views and triggers, or copy its layers to a new file with ogr2ogr.',
    { details: { file, limit } },
  );
}
