import { open } from 'node:fs/promises';

/** The first bytes of a file, compared with the signatures of file formats. */

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

/** Returns a test for a file that starts with these bytes. */
export const startsWithBytes =
  (...bytes: number[]) =>
  (firstBytes: Buffer) =>
    firstBytes.subarray(0, bytes.length).equals(Buffer.from(bytes));

/** Returns a test for a file that starts with one of these texts, one byte per character. */
export const startsWithLatin1 =
  (...signatures: string[]) =>
  (firstBytes: Buffer) =>
    signatures.some((signature) => firstBytes.toString('latin1', 0, signature.length) === signature);

/** Returns a test for a pattern in the first bytes, decoded as text. */
export const matchesText = (pattern: RegExp) => (firstBytes: Buffer) => pattern.test(decodeFirstBytes(firstBytes));

export const isSqlite = startsWithLatin1('SQLite format 3\0');
/** TIFF and BigTIFF, in both byte orders. */
export const isTiff = startsWithLatin1('II*\0', 'MM\0*', 'II+\0', 'MM\0+');
export const isZip = startsWithBytes(0x50, 0x4b);
export const isGzip = startsWithBytes(0x1f, 0x8b);
export const isShapefile = startsWithBytes(0, 0, 0x27, 0x0a);

/** The kind of file, in words for an error message: `a zip archive`. */
export function describeFirstBytes(firstBytes: Buffer): string {
  if (firstBytes.length === 0) return 'an empty file';
  if (isZip(firstBytes)) return 'a zip archive';
  if (isSqlite(firstBytes)) return 'an SQLite database';
  if (isTiff(firstBytes)) return 'a TIFF image';
  if (startsWithLatin1('%PDF')(firstBytes)) return 'a PDF document';
  if (startsWithLatin1('\x89PNG')(firstBytes)) return 'a PNG image';
  if (startsWithLatin1('\xff\xd8\xff')(firstBytes)) return 'a JPEG image';
  if (isShapefile(firstBytes)) return 'a shapefile';
  if (isGzip(firstBytes)) return 'a gzip file';
  const text = decodeFirstBytes(firstBytes);
  const root = /<(?![?!])([\w:.-]{1,64})/.exec(text)?.[1];
  if (/^\s*</.test(text) && root !== undefined) return `an XML document <${root}>`;
  if (/^\s*[{[]/.test(text)) return 'JSON';
  return firstBytes.includes(0) ? 'binary data' : 'text';
}

/**
 * The first bytes as text, without a byte order mark. UTF-16 is decoded; all other text is decoded as Latin-1, which is
 * sufficient to find ASCII names in it.
 */
export function decodeFirstBytes(firstBytes: Buffer): string {
  const decoded = isUtf16(firstBytes)
    ? new TextDecoder(firstBytes[0] === 0xff ? 'utf-16le' : 'utf-16be').decode(firstBytes)
    : firstBytes.toString('latin1');
  return decoded.replace(/^(\u00ef\u00bb\u00bf|\ufeff)/, '');
}

/** True for a UTF-16 byte order mark. */
export function isUtf16(firstBytes: Buffer): boolean {
  return startsWithBytes(0xff, 0xfe)(firstBytes) || startsWithBytes(0xfe, 0xff)(firstBytes);
}
