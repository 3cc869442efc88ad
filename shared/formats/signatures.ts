import { open } from 'node:fs/promises';
import { readBytesAt } from '#shared/streams/file-streams.ts';

/** The first bytes of a file, compared with the signatures of file formats. */

/** The first `count` bytes of the file at `path`; all bytes of a file that is shorter. */
export async function readFirstBytes(path: string, count: number): Promise<Buffer> {
  await using file = await open(path);
  return readBytesAt(file, 0, count);
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
/** Documents of Office before 2007, and Office documents with a password. */
const isOle = startsWithBytes(0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1);
const ENCRYPTED_PART = Buffer.from('EncryptedPackage', 'utf16le');

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
  if (isOle(firstBytes))
    return firstBytes.includes(ENCRYPTED_PART)
      ? 'an Office document with a password'
      : 'an Office document of the time before 2007, such as .xls';
  const text = decodeFirstBytes(firstBytes);
  const root = /<(?![?!])([\w:.-]{1,64})/.exec(text)?.[1];
  if (/^\s*</.test(text) && root !== undefined) return `an XML document <${root}>`;
  if (/^\s*[{[]/.test(text)) return 'JSON';
  if (wideEncodingOf(firstBytes) !== undefined) return 'UTF-16 text without a byte order mark';
  return isBinary(firstBytes) ? 'binary data' : 'text';
}

/** What to do with a file that is not of its format. */
export function adviceForFirstBytes(firstBytes: Buffer): string {
  if (isOle(firstBytes)) return 'Save it as .xlsx without a password.';
  const encoding = wideEncodingOf(firstBytes);
  if (encoding !== undefined) return `Set \`encoding\` of the file to ${encoding} (--encoding ${encoding}).`;
  return 'Correct `format` in the manifest, or upload a file of that format.';
}

/** Control characters other than those that texts contain: tab, line breaks, form feed, separators, escape. */
const isControl = (byte: number) => byte < 0x20 && !(byte >= 0x09 && byte <= 0x0d) && byte < 0x1a;
/** A text can contain a few control characters by mistake. In compressed data they are 10 % of all bytes. */
const MAX_CONTROL_SHARE = 0.05;
const MAX_CONTROLS_OF_FEW = 2;

function isBinary(firstBytes: Buffer): boolean {
  const allowed = Math.max(MAX_CONTROLS_OF_FEW, firstBytes.length * MAX_CONTROL_SHARE);
  return countBytes(firstBytes, isControl) > allowed;
}

/** Of Latin text in UTF-16, every second byte is 0. Other text has spaces and digits. */
const MIN_ZERO_SHARE = 0.2;
const MIN_ZEROS = 3;

/** The encoding of UTF-16 text without a byte order mark; undefined for other content. */
function wideEncodingOf(firstBytes: Buffer): 'UTF-16LE' | 'UTF-16BE' | undefined {
  const zeros = (parity: number) => countBytes(firstBytes, (byte, at) => byte === 0 && at % 2 === parity);
  const [even, odd] = [zeros(0), zeros(1)];
  if (isUtf16(firstBytes) || Math.max(even, odd) < Math.max(MIN_ZEROS, (firstBytes.length / 2) * MIN_ZERO_SHARE))
    return undefined;
  if (even > 0 && odd > 0) return undefined;
  const encoding = odd > 0 ? 'UTF-16LE' : 'UTF-16BE';
  const text = new TextDecoder(encoding).decode(firstBytes);
  return isBinary(Buffer.from(text)) ? undefined : encoding;
}

function countBytes(bytes: Buffer, test: (byte: number, at: number) => boolean): number {
  return bytes.reduce((count, byte, at) => (test(byte, at) ? count + 1 : count), 0);
}

/** JSON. A CSV header with names in brackets (`[id],[name]`), which some databases export, does not match. */
const isJson = matchesText(/^\s*(?:\{\s*["}]|\[\s*[[{"\]])/);

/** True if the bytes can be the beginning of delimited text, compressed or not. */
export function isDelimitedText(firstBytes: Buffer): boolean {
  if (isGzip(firstBytes) || isUtf16(firstBytes)) return true;
  return !isJson(firstBytes) && ['text', 'JSON'].includes(describeFirstBytes(firstBytes));
}

const WIDE_ENCODING = /^utf-?(16|32)/i;

/** Whether the file is text in the declared encoding, whose bytes look like binary data. */
export function isWideText(firstBytes: Buffer, encoding: string | undefined): boolean {
  if (encoding === undefined || !WIDE_ENCODING.test(encoding)) return false;
  return wideEncodingOf(firstBytes) !== undefined || describeFirstBytes(firstBytes) === 'binary data';
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

/** True if the bytes begin with a UTF-16 byte order mark. */
export function isUtf16(firstBytes: Buffer): boolean {
  return startsWithBytes(0xff, 0xfe)(firstBytes) || startsWithBytes(0xfe, 0xff)(firstBytes);
}
