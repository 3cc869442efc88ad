import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { ignoreError, writeFileStream } from '#shared/streams/file-streams.ts';

/**
 * Zip archives, including KMZ. The central directory is checked before anything is unpacked. The declared sizes are
 * enforced again while a member is unpacked, because the directory of a zip bomb contains wrong sizes.
 */

/** A file in an archive. */
export interface ZipMember {
  /** The path in the archive; folders are separated by `/`. */
  name: string;
  /** Uncompressed bytes by the central directory. Unpacking more bytes is an error. */
  size: number;
  entry: Entry;
}

/** A dataset has fewer than 10 files, so 1,000 layers fit. */
export const MAX_ENTRIES = 10_000;
/** Bytes of names, comments and extra fields of all entries, which are held in memory: 400 for each entry. */
const MAX_DIRECTORY_BYTES = 4_000_000;
/** Text and shapefiles compress up to about 20:1; a zip bomb of equal bytes compresses 1,000:1. */
export const MAX_RATIO = 200;
/** Smaller archives may have any ratio: a small file of equal bytes is harmless. */
export const RATIO_CHECKED_BYTES = 100 * 2 ** 20;
const ENCRYPTED_FLAG = 0x1;
const UTF8_FLAG = 0x800;
const SYMLINK_MODE = 0o120000;
const FILE_TYPE_MASK = 0o170000;
/** The longest key of an object. Messages list names, and a longer one would not be readable. */
const MAX_ENTRY_NAME_BYTES = 1_024;
/** File systems allow 255 bytes; some callers append an extension. */
const MAX_NAME_BYTES = 200;

export interface ZipLimits {
  maxBytes: number;
  /** Whether a backslash separates folders. Some programs of Windows write workbooks so; Excel reads them. */
  backslashes?: true;
}

/**
 * Opens an archive, checks names, sizes, ratio, links and encryption, and calls `work` with its files. `file` is the
 * path in the manifest, for messages. Throws ARCHIVE_UNREADABLE, ARCHIVE_UNSAFE, FILE_TOO_LARGE.
 */
export async function withZipArchive<T>(
  path: string,
  file: string,
  limits: ZipLimits,
  work: (members: ZipMember[], unpack: Unpack, read: ReadMember) => Promise<T>,
): Promise<T> {
  const zip = await openArchive(path, file);
  try {
    const members = await listMembers(zip, file, limits);
    return await work(
      members,
      (member, target, signal) => unpackMember(zip, file, member, target, signal),
      (member) => readMember(zip, file, member),
    );
  } finally {
    zip.close();
  }
}

/** The content of one member. Throws ARCHIVE_UNREADABLE, ARCHIVE_UNSAFE. */
export type ReadMember = (member: ZipMember) => AsyncIterable<Buffer>;

/** Unpacks one member to `target` and creates the folder of `target`. */
export type Unpack = (member: ZipMember, target: string, signal: AbortSignal) => Promise<void>;

async function openArchive(path: string, file: string): Promise<ZipFile> {
  try {
    // With decodeStrings, yauzl rejects the whole archive for one name that it cannot decode.
    const zip = await openPromise(path, {
      lazyEntries: true,
      autoClose: false,
      decodeStrings: false,
      validateEntrySizes: true,
    });
    return zip.on('error', ignoreError); // listMembers and unpackMember get the same error.
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

async function listMembers(zip: ZipFile, file: string, limits: ZipLimits): Promise<ZipMember[]> {
  const { maxBytes, backslashes = false } = limits;
  if (zip.entryCount > MAX_ENTRIES)
    throw unsafe(file, `contains ${zip.entryCount} entries; at most ${MAX_ENTRIES} are allowed`);
  const members: ZipMember[] = [];
  let directory = 0;
  let packed = 0;
  let unpacked = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      directory += entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength;
      if (directory > MAX_DIRECTORY_BYTES)
        throw unsafe(file, `has a directory of more than ${MAX_DIRECTORY_BYTES} bytes`);
      const name = checkEntry(entry, file, backslashes);
      packed += entry.compressedSize;
      unpacked += entry.uncompressedSize;
      if (!name.endsWith('/')) members.push({ name, size: entry.uncompressedSize, entry });
    }
  } catch (thrown) {
    throw thrown instanceof SluiceError ? thrown : unreadable(file, thrown);
  }
  // The sizes count the same bytes several times, so the ratio would be too small.
  if (packed > zip.fileSize) throw unsafe(file, 'contains entries that share their data');
  if (unpacked > maxBytes) {
    throw new SluiceError(
      'FILE_TOO_LARGE',
      `${file} unpacks to ${unpacked} bytes; at most ${maxBytes} are allowed (MAX_FILE_BYTES).`,
      { details: { file, bytes: unpacked, limit: maxBytes } },
    );
  }
  if (unpacked > RATIO_CHECKED_BYTES && unpacked > packed * MAX_RATIO)
    throw unsafe(file, `unpacks to ${Math.round(unpacked / packed)} times its size`);
  return members;
}

/**
 * Checks an entry and returns its name, with `/` for each backslash when `backslashes` is true. Throws ARCHIVE_UNSAFE,
 * ARCHIVE_UNREADABLE.
 */
function checkEntry(entry: Entry, file: string, backslashes: boolean): string {
  if (entry.fileNameRaw.length > MAX_ENTRY_NAME_BYTES)
    throw unsafe(
      file,
      `contains a name of ${entry.fileNameRaw.length} bytes; at most ${MAX_ENTRY_NAME_BYTES} are allowed`,
    );
  const name = backslashes ? decodeName(entry).replaceAll('\\', '/') : decodeName(entry);
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name))
    throw unsafe(file, `contains the absolute name ${JSON.stringify(name)}`);
  if (name.includes('\\')) throw unsafe(file, `contains a name with a backslash: ${JSON.stringify(name)}`);
  if (name.split('/').includes('..'))
    throw unsafe(file, `contains a name that points outside the archive: ${JSON.stringify(name)}`);
  if (name === '' || /[\u0000-\u001f\u007f]/.test(name))
    throw unsafe(file, `contains a name with control characters: ${JSON.stringify(name)}`);
  if (((entry.externalFileAttributes >>> 16) & FILE_TYPE_MASK) === SYMLINK_MODE)
    throw unsafe(file, `contains the symbolic link ${JSON.stringify(name)}`);
  if ((entry.generalPurposeBitFlag & ENCRYPTED_FLAG) !== 0) {
    throw new SluiceError(
      'ARCHIVE_UNREADABLE',
      `${file} is encrypted: ${JSON.stringify(name)} needs a password. Create the archive without a password.`,
      { details: { file, member: name } },
    );
  }
  return name;
}

/** Decodes names as UTF-8, and invalid UTF-8 without the UTF-8 flag as Latin-1, which keeps names distinct. */
function decodeName(entry: Entry): string {
  const raw = entry.fileNameRaw;
  try {
    return new TextDecoder('utf-8', { fatal: (entry.generalPurposeBitFlag & UTF8_FLAG) === 0 }).decode(raw);
  } catch {
    return raw.toString('latin1');
  }
}

async function unpackMember(
  zip: ZipFile,
  file: string,
  member: ZipMember,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  await pipeline(readMember(zip, file, member), writeFileStream(target), { signal });
}

async function* readMember(zip: ZipFile, file: string, member: ZipMember): AsyncGenerator<Buffer> {
  let left = member.size;
  try {
    const content = (await zip.openReadStreamPromise(member.entry)).on('error', ignoreError);
    for await (const chunk of content as AsyncIterable<Buffer>) {
      left -= chunk.length;
      if (left < 0)
        throw unsafe(file, `contains ${JSON.stringify(member.name)}, which unpacks to more than its declared size`);
      yield chunk;
    }
  } catch (thrown) {
    throw thrown instanceof SluiceError ? thrown : unreadable(file, thrown, member.name);
  }
}

/** A file name that every file system accepts, for a name in an archive or an object key. Keeps the extension. */
export function localName(name: string): string {
  const cut = lastBytes(basename(name).replaceAll(/[\u0000-\u001f\u007f/\\]/g, '_'), MAX_NAME_BYTES);
  return cut === '' || cut === '.' || cut === '..' ? 'file' : cut;
}

/** The last characters of a text that fit into `maxBytes` of UTF-8. */
function lastBytes(text: string, maxBytes: number): string {
  const bytes = Buffer.from(text);
  let from = Math.max(0, bytes.length - maxBytes);
  while (isContinuation(bytes[from])) from++;
  return bytes.toString('utf8', from);
}

/** Whether a byte of UTF-8 is not the first byte of a character. */
function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}

/** The path in `folder` to unpack a member to; every folder and name in it is a localName. */
export function memberPath(folder: string, name: string): string {
  return join(folder, ...name.split('/').map(localName));
}

function unsafe(file: string, problem: string): SluiceError {
  return new SluiceError('ARCHIVE_UNSAFE', `${file} ${problem}. Create the archive with plain relative names.`, {
    details: { file },
  });
}

function unreadable(file: string, cause: unknown, member?: string): SluiceError {
  const name = member === undefined ? file : `${JSON.stringify(member)} in ${file}`;
  return new SluiceError('ARCHIVE_UNREADABLE', `${name} is damaged: ${reasonOf(cause)}. Create the archive again.`, {
    cause,
    details: { file, ...(member === undefined ? {} : { member }) },
  });
}
