import { appendFile, stat } from 'node:fs/promises';
import { crc32 } from 'node:zlib';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { ArchiveMember } from '#shared/formats/archive.ts';

/** Larger offsets need ZIP64. GDAL cannot hold a sheet of this size in memory. */
const MAX_OFFSET = 2 ** 32 - 1;
const LOCAL_HEADER_BYTES = 30;
const DIRECTORY_ENTRY_BYTES = 46;
const END_BYTES = 22;
/** Version 2.0 of the ZIP format is enough for these records. */
const VERSION = 20;
const UTF8_FLAG = 0x800;
/** 1 January 1980, the earliest date of the format. */
const FIRST_DAY = 0x21;

type DirectoryEntry = Pick<
  ArchiveMember['entry'],
  | 'generalPurposeBitFlag'
  | 'compressionMethod'
  | 'lastModFileTime'
  | 'lastModFileDate'
  | 'crc32'
  | 'compressedSize'
  | 'uncompressedSize'
  | 'fileNameRaw'
  | 'relativeOffsetOfLocalHeader'
>;

/**
 * Replaces the content of a member of a ZIP archive. The content and a new central directory (APPNOTE 4.3) are
 * appended to the archive; programs read the last directory. The archive is a copy in a scratch folder, so a crash
 * while writing damages no file of a user. Throws FILE_TOO_LARGE.
 *
 * yazl 3.3.1 and fflate 0.8.3 are not used: they cannot copy compressed members, so they compress the whole workbook
 * again. That takes 4.6 s and 17.6 s for a workbook of 27 MB, appending takes 3 ms.
 */
export async function replaceMember(
  path: string,
  file: string,
  members: readonly ArchiveMember[],
  replaced: ArchiveMember,
  content: Buffer,
): Promise<void> {
  const { size } = await stat(path);
  const entry: DirectoryEntry = {
    generalPurposeBitFlag: UTF8_FLAG,
    compressionMethod: 0,
    lastModFileTime: 0,
    lastModFileDate: FIRST_DAY,
    crc32: crc32(content),
    compressedSize: content.length,
    uncompressedSize: content.length,
    fileNameRaw: Buffer.from(replaced.name),
    relativeOffsetOfLocalHeader: size,
  };
  const local = Buffer.concat([localHeader(entry), entry.fileNameRaw, content]);
  const directory = Buffer.concat(
    members.map((member) => directoryEntry(member === replaced ? entry : member.entry, file)),
  );
  if (size + local.length > MAX_OFFSET) throw tooLarge(file);
  await appendFile(
    path,
    Buffer.concat([local, directory, directoryEnd(members.length, directory.length, size + local.length)]),
  );
}

function localHeader({ generalPurposeBitFlag, crc32: checksum, compressedSize, fileNameRaw }: DirectoryEntry): Buffer {
  const header = Buffer.alloc(LOCAL_HEADER_BYTES);
  header.write('PK\u0003\u0004', 'latin1');
  header.writeUInt16LE(VERSION, 4);
  header.writeUInt16LE(generalPurposeBitFlag, 6);
  header.writeUInt16LE(FIRST_DAY, 12);
  header.writeUInt32LE(checksum, 14);
  header.writeUInt32LE(compressedSize, 18);
  header.writeUInt32LE(compressedSize, 22);
  header.writeUInt16LE(fileNameRaw.length, 26);
  return header;
}

function directoryEntry(entry: DirectoryEntry, file: string): Buffer {
  if (Math.max(entry.compressedSize, entry.uncompressedSize, entry.relativeOffsetOfLocalHeader) >= MAX_OFFSET)
    throw tooLarge(file);
  const header = Buffer.alloc(DIRECTORY_ENTRY_BYTES);
  header.write('PK\u0001\u0002', 'latin1');
  header.writeUInt16LE(VERSION, 4);
  header.writeUInt16LE(VERSION, 6);
  header.writeUInt16LE(entry.generalPurposeBitFlag, 8);
  header.writeUInt16LE(entry.compressionMethod, 10);
  header.writeUInt16LE(entry.lastModFileTime, 12);
  header.writeUInt16LE(entry.lastModFileDate, 14);
  header.writeUInt32LE(entry.crc32, 16);
  header.writeUInt32LE(entry.compressedSize, 20);
  header.writeUInt32LE(entry.uncompressedSize, 24);
  header.writeUInt16LE(entry.fileNameRaw.length, 28);
  header.writeUInt32LE(entry.relativeOffsetOfLocalHeader, 42);
  return Buffer.concat([header, entry.fileNameRaw]);
}

function directoryEnd(entries: number, bytes: number, offset: number): Buffer {
  const end = Buffer.alloc(END_BYTES);
  end.write('PK\u0005\u0006', 'latin1');
  end.writeUInt16LE(entries, 8);
  end.writeUInt16LE(entries, 10);
  end.writeUInt32LE(bytes, 12);
  end.writeUInt32LE(offset, 16);
  return end;
}

function tooLarge(file: string): SluiceError {
  return new SluiceError(
    'FILE_TOO_LARGE',
    `${file} has 4 GiB or more, the limit of workbooks. Save its sheet as CSV.`,
    {
      details: { file, limit: MAX_OFFSET },
    },
  );
}
