import { open } from 'node:fs/promises';

/** Reads the first bytes of a file and compares them with the signatures of file formats. */

/** The first `count` bytes of the file at `path`; all bytes of a file that is shorter. */
export async function readFirstBytes(path: string, count: number): Promise<Buffer> {
  const file = await open(path);
  try {
    const { bytesRead, buffer } = await file.read(Buffer.alloc(count), 0, count, 0);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

/** A test for these first bytes. */
export const startsWithBytes =
  (...bytes: number[]) =>
  (head: Buffer) =>
    head.subarray(0, bytes.length).equals(Buffer.from(bytes));
/** A test for these first characters, one byte each. */
export const startsWithLatin1 =
  (...beginnings: string[]) =>
  (head: Buffer) =>
    beginnings.some((beginning) => head.toString('latin1', 0, beginning.length) === beginning);
/** A test for a pattern in the text that the first bytes are. */
export const matchesText = (pattern: RegExp) => (head: Buffer) => pattern.test(decodeFirstBytes(head));

export const isSqlite = startsWithLatin1('SQLite format 3\0');
/** TIFF and BigTIFF, in both byte orders. */
export const isTiff = startsWithLatin1('II*\0', 'MM\0*', 'II+\0', 'MM\0+');

/** What they look like, for a message. */
export function describeFirstBytes(head: Buffer): string {
  if (head.length === 0) return 'an empty file';
  if (startsWithBytes(0x50, 0x4b)(head)) return 'a zip archive';
  if (isSqlite(head)) return 'an SQLite database';
  if (isTiff(head)) return 'a TIFF image';
  if (startsWithLatin1('%PDF')(head)) return 'a PDF document';
  if (startsWithLatin1('\x89PNG')(head)) return 'a PNG image';
  if (startsWithLatin1('\xff\xd8\xff')(head)) return 'a JPEG image';
  if (startsWithBytes(0, 0, 0x27, 0x0a)(head)) return 'a shapefile';
  if (startsWithBytes(0x1f, 0x8b)(head)) return 'a gzip file';
  const root = /<(?![?!])([\w:.-]{1,64})/.exec(decodeFirstBytes(head))?.[1];
  if (/^\s*</.test(decodeFirstBytes(head)) && root !== undefined) return `an XML document <${root}>`;
  if (/^\s*[{[]/.test(decodeFirstBytes(head))) return 'JSON';
  return head.includes(0) ? 'binary data' : 'text';
}

/** Without its byte order mark; a UTF-8 text comes out as Latin-1, which is enough to look for names. */
export function decodeFirstBytes(head: Buffer): string {
  const decoded = isUtf16(head)
    ? new TextDecoder(head[0] === 0xff ? 'utf-16le' : 'utf-16be').decode(head)
    : head.toString('latin1');
  return decoded.replace(/^(\u00ef\u00bb\u00bf|\ufeff)/, '');
}

export function isUtf16(head: Buffer): boolean {
  return startsWithBytes(0xff, 0xfe)(head) || startsWithBytes(0xfe, 0xff)(head);
}
