import { isSystemFile } from './system-files.ts';

/**
 * The names in a zip archive that decide its format, from its central directory (APPNOTE.TXT 6.3.10), without reading
 * its content.
 */

const END_SIGNATURE = 0x06054b50;
const END_BYTES = 22;
const MAX_COMMENT_BYTES = 65_535;
const ZIP64_LOCATOR_SIGNATURE = 0x07064b50;
const ZIP64_LOCATOR_BYTES = 20;
const ZIP64_END_SIGNATURE = 0x06064b50;
const ZIP64_END_BYTES = 56;
const ENTRY_SIGNATURE = 0x02014b50;
const ENTRY_BYTES = 46;
const MAX_DIRECTORY_BYTES = 4_000_000;
/** The names of all archives are in one request. A format has one of about 50 extensions. */
const MAX_NAMES = 300;
/** The end of a longer name is kept, because it has the extension. */
const MAX_NAME_CHARACTERS = 200;

interface Directory {
  offset: number;
  size: number;
}

/** One name for each extension. Empty for a damaged archive: the run reports the damage. */
export async function readZipMembers(file: Blob): Promise<string[]> {
  try {
    const directory = await findDirectory(file);
    if (directory === undefined) return [];
    const { offset, size } = directory;
    return namesIn(await viewOf(file, offset, offset + Math.min(size, MAX_DIRECTORY_BYTES)));
  } catch (thrown) {
    if (thrown instanceof RangeError) return []; // An offset outside of the file.
    throw thrown;
  }
}

async function findDirectory(file: Blob): Promise<Directory | undefined> {
  const from = Math.max(0, file.size - END_BYTES - MAX_COMMENT_BYTES);
  const tail = await viewOf(file, from, file.size);
  for (let at = tail.byteLength - END_BYTES; at >= 0; at--) {
    if (tail.getUint32(at, true) !== END_SIGNATURE) continue;
    const directory = { size: tail.getUint32(at + 12, true), offset: tail.getUint32(at + 16, true) };
    const isZip64 = directory.offset === 0xffffffff || directory.size === 0xffffffff;
    return isZip64 ? findZip64Directory(file, from + at) : directory;
  }
  return undefined;
}

async function findZip64Directory(file: Blob, endAt: number): Promise<Directory | undefined> {
  const locator = await viewOf(file, endAt - ZIP64_LOCATOR_BYTES, endAt);
  if (locator.getUint32(0, true) !== ZIP64_LOCATOR_SIGNATURE) return undefined;
  const at = Number(locator.getBigUint64(8, true));
  const end = await viewOf(file, at, at + ZIP64_END_BYTES);
  if (end.getUint32(0, true) !== ZIP64_END_SIGNATURE) return undefined;
  return { size: Number(end.getBigUint64(40, true)), offset: Number(end.getBigUint64(48, true)) };
}

function namesIn(view: DataView): string[] {
  const names = new Map<string, string>();
  const decoder = new TextDecoder();
  for (let at = 0; at + ENTRY_BYTES <= view.byteLength && names.size < MAX_NAMES;) {
    if (view.getUint32(at, true) !== ENTRY_SIGNATURE) break;
    const [length, extra, comment] = [28, 30, 32].map((field) => view.getUint16(at + field, true)) as [
      number,
      number,
      number,
    ];
    const end = Math.min(at + ENTRY_BYTES + length, view.byteLength);
    const name = decoder.decode(new Uint8Array(view.buffer, at + ENTRY_BYTES, end - at - ENTRY_BYTES));
    const kind = kindOf(name);
    if (name !== '' && !names.has(kind)) names.set(kind, name.slice(-MAX_NAME_CHARACTERS).toWellFormed());
    at = end + extra + comment;
  }
  return [...names.values()];
}

/** Names of the same kind mean the same format: `.csv.gz` is another one than `.json.gz`. */
function kindOf(name: string): string {
  const isIgnored = name.endsWith('/') || isSystemFile(name);
  return isIgnored ? '/' : (/(?:\.[^./]*(?=\.gz$))?\.[^./]*$/i.exec(name)?.[0].toLowerCase() ?? '');
}

async function viewOf(file: Blob, start: number, end: number): Promise<DataView> {
  return new DataView(await file.slice(start, end).arrayBuffer());
}
