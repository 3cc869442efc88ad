import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Entry, openPromise, type ZipFile } from 'yauzl';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from '#shared/text/message-text.ts';

/**
 * Zip archives (and KMZ, which is one), checked from their central directory before anything is unpacked, and unpacked by us with
 * limits that hold while bytes flow: what the directory claims about sizes is not believed.
 */

/** A file in an archive. */
export interface ArchiveMember {
  /** As in the archive, `/` between folders. */
  name: string;
  /** What the central directory claims; unpacking stops there. */
  size: number;
  entry: Entry;
}

/** A dataset has a handful of files; a thousand layers of one still fit. */
const MAX_ENTRIES = 10_000;
/** Text and shapefiles deflate up to about 20:1, runs of equal bytes 1,000:1. */
const MAX_RATIO = 200;
/** Below this, the ratio says nothing and does no harm. */
const RATIO_MATTERS_BYTES = 100 * 2 ** 20;
const ENCRYPTED_FLAG = 0x1;
const UTF8_FLAG = 0x800;
const SYMLINK_MODE = 0o120000;
const FILE_TYPE_MASK = 0o170000;
/** File systems take 255 bytes; extensions are added to names. */
const MAX_NAME_BYTES = 200;

/**
 * Opens an archive and gives its files to `work`, after checking names, sizes, ratio, links and encryption.
 * `file` is the name that messages use. Throws ARCHIVE_UNREADABLE, ARCHIVE_UNSAFE, FILE_TOO_LARGE.
 */
export async function withArchive<T>(
  path: string,
  file: string,
  limits: { maxBytes: number },
  work: (members: ArchiveMember[], unpack: Unpack) => Promise<T>,
): Promise<T> {
  const zip = await openArchive(path, file);
  try {
    const members = await listMembers(zip, file, limits.maxBytes);
    return await work(members, (member, target, signal) => unpackMember(zip, file, member, target, signal));
  } finally {
    zip.close();
  }
}

/** Unpacks one member to a path whose folder is made when needed. */
export type Unpack = (member: ArchiveMember, target: string, signal: AbortSignal) => Promise<void>;

async function openArchive(path: string, file: string): Promise<ZipFile> {
  try {
    // Names stay bytes: yauzl would refuse the whole archive for one name that it can't decode.
    return await openPromise(path, {
      lazyEntries: true,
      autoClose: false,
      decodeStrings: false,
      validateEntrySizes: true,
    });
  } catch (cause) {
    throw unreadable(file, cause);
  }
}

async function listMembers(zip: ZipFile, file: string, maxBytes: number): Promise<ArchiveMember[]> {
  if (zip.entryCount > MAX_ENTRIES)
    throw unsafe(file, `holds ${zip.entryCount} entries; at most ${MAX_ENTRIES} are read`);
  const members: ArchiveMember[] = [];
  let packed = 0;
  let unpacked = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      const name = checkEntry(entry, file);
      packed += entry.compressedSize;
      unpacked += entry.uncompressedSize;
      if (!name.endsWith('/')) members.push({ name, size: entry.uncompressedSize, entry });
    }
  } catch (thrown) {
    throw thrown instanceof SluiceError ? thrown : unreadable(file, thrown);
  }
  if (unpacked > maxBytes) {
    throw new SluiceError(
      'FILE_TOO_LARGE',
      `${file} unpacks to ${unpacked} bytes; at most ${maxBytes} are allowed (MAX_FILE_BYTES).`,
      { details: { file, bytes: unpacked, limit: maxBytes } },
    );
  }
  if (unpacked > RATIO_MATTERS_BYTES && unpacked > packed * MAX_RATIO)
    throw unsafe(file, `unpacks to ${Math.round(unpacked / packed)} times its size`);
  return members;
}

/** The name of an entry. Throws ARCHIVE_UNSAFE, ARCHIVE_UNREADABLE. */
function checkEntry(entry: Entry, file: string): string {
  const name = decodeName(entry);
  if (name.startsWith('/') || /^[A-Za-z]:/.test(name))
    throw unsafe(file, `holds the absolute name ${JSON.stringify(name)}`);
  if (name.includes('\\')) throw unsafe(file, `holds a name with a backslash: ${JSON.stringify(name)}`);
  if (name.split('/').includes('..'))
    throw unsafe(file, `holds a name that leaves the archive: ${JSON.stringify(name)}`);
  if (name === '' || /[\u0000-\u001f\u007f]/.test(name))
    throw unsafe(file, `holds a name with control characters: ${JSON.stringify(name)}`);
  if (((entry.externalFileAttributes >>> 16) & FILE_TYPE_MASK) === SYMLINK_MODE)
    throw unsafe(file, `holds the link ${JSON.stringify(name)}`);
  if ((entry.generalPurposeBitFlag & ENCRYPTED_FLAG) !== 0) {
    throw new SluiceError(
      'ARCHIVE_UNREADABLE',
      `${file} is encrypted: ${JSON.stringify(name)} needs a password. Make the archive again without one.`,
      { details: { file, member: name } },
    );
  }
  return name;
}

/** Names are UTF-8 by flag, or by being valid UTF-8; else Latin-1, which never fails and keeps names distinct. */
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
  member: ArchiveMember,
  target: string,
  signal: AbortSignal,
): Promise<void> {
  await mkdir(dirname(target), { recursive: true });
  let left = member.size;
  const limit = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      left -= chunk.length;
      done(
        left < 0 ? unsafe(file, `holds ${JSON.stringify(member.name)}, which unpacks to more than it says`) : null,
        chunk,
      );
    },
  });
  try {
    const content = await zip.openReadStreamPromise(member.entry);
    await pipeline(content, limit, createWriteStream(target), { signal });
  } catch (thrown) {
    signal.throwIfAborted();
    const error = asSluiceError(thrown);
    throw error.code === 'INTERNAL' ? unreadable(file, thrown, member.name) : error;
  }
}

/** A name that any file system takes, for one that an archive or an object key has; the end, with the extension, is kept. */
export function localName(name: string): string {
  const plain = basename(name).replaceAll(/[\u0000-\u001f\u007f/\\]/g, '_');
  let cut = plain;
  while (Buffer.byteLength(cut) > MAX_NAME_BYTES) cut = [...cut].slice(1).join('');
  return cut === '' || cut === '.' || cut === '..' ? 'file' : cut;
}

/** Where a member is unpacked to: its folders and names, made harmless for the file system. */
export function memberPath(folder: string, name: string): string {
  return join(folder, ...name.split('/').map(localName));
}

function unsafe(file: string, what: string): SluiceError {
  return new SluiceError('ARCHIVE_UNSAFE', `${file} ${what}. Make the archive again with plain relative names.`, {
    details: { file },
  });
}

function unreadable(file: string, cause: unknown, member?: string): SluiceError {
  const what = member === undefined ? file : `${JSON.stringify(member)} in ${file}`;
  return new SluiceError('ARCHIVE_UNREADABLE', `${what} is damaged: ${reasonOf(cause)}. Make the archive again.`, {
    cause,
    details: { file, ...(member === undefined ? {} : { member }) },
  });
}
