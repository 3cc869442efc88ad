import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { withArchive } from '#shared/formats/archive.ts';
import { isSqlite } from '#shared/formats/first-bytes.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import type { VectorFormat } from '#shared/formats/vector-formats.ts';
import type { Source } from '#shared/landing/fetch-source.ts';
import { refuseReachingSchema } from './sqlite-schema.ts';
import { objectionToXml } from './xml-prolog.ts';

/**
 * Files that would have GDAL read other files, which the list of drivers and the missing network don't prevent: virtual tables of an
 * SQLite database, MapInfo tables that are views on others, XML entities.
 */

const XML_DRIVERS = new Set(['GML', 'GPX', 'LIBKML']);
/** A .tab is text of a few kilobytes: the names of its fields, and metadata. */
const MAX_TAB_BYTES = 2 ** 20;
/** GDAL takes one of these lines, wherever it stands, for a table made of others. */
const OTHER_TABLES = /^\s*(?:open\s+table|create\s+view)|IsSeamless"?\s*=\s*"?TRUE/im;

export interface ReferenceSurroundings {
  folder: string;
  /** Bytes that an archive may unpack to. */
  maxBytes: number;
  signal: AbortSignal;
}

/** Throws FILE_FORBIDDEN_CONTENT for a file that refers to others, FILE_UNREADABLE for a damaged database, and for a KMZ what withArchive throws. */
export async function refuseReferences(
  source: Source<VectorFormat>,
  head: Buffer,
  surroundings: ReferenceSurroundings,
): Promise<void> {
  const { path, file, format, parts } = source;
  if (isSqlite(head)) refuseReachingSchema(path, file);
  if (format.isArchive) await refuseInArchive(source, surroundings);
  else if (format.drivers.some((driver) => XML_DRIVERS.has(driver))) await refuseXml(path, file);
  if (parts.includes('.xsd')) await refuseXml(`${stemOf(path)}.xsd`, `The .xsd file of ${file}`, file);
  if (format.drivers.includes('MapInfo File') && !format.extensions.includes('.mif'))
    await refuseOtherTables(path, file);
}

async function refuseXml(path: string, what: string, file = what): Promise<void> {
  const objection = await objectionToXml(path);
  if (objection !== undefined) throw forbidden(what, objection, file);
}

/** Every document in a KMZ: they refer to each other, and which of them GDAL opens is its own affair. */
async function refuseInArchive(
  { path, file }: Source<VectorFormat>,
  { folder, maxBytes, signal }: ReferenceSurroundings,
): Promise<void> {
  const target = join(folder, 'document');
  await withArchive(path, file, { maxBytes }, async (members, unpack) => {
    for (const member of members.filter(({ name }) => /\.(kml|xml)$/i.test(name))) {
      await unpack(member, target, signal);
      await refuseXml(target, `${JSON.stringify(member.name)} in ${file}`, file);
    }
  });
}

async function refuseOtherTables(path: string, file: string): Promise<void> {
  const { size } = await stat(path);
  if (size > MAX_TAB_BYTES)
    throw new SluiceError(
      'FILE_TOO_LARGE',
      `${file} is a .tab of ${size} bytes; at most ${MAX_TAB_BYTES} are read. Remove its metadata.`,
      { details: { file, bytes: size, limit: MAX_TAB_BYTES } },
    );
  if (OTHER_TABLES.test(await readFile(path, 'latin1')))
    throw forbidden(file, 'is a MapInfo view or seamless table, which is made of other tables');
}

function forbidden(what: string, objection: string, file = what): SluiceError {
  return new SluiceError(
    'FILE_FORBIDDEN_CONTENT',
    `${what} ${objection}. Remove that; Sluice reads only what was uploaded.`,
    { details: { file } },
  );
}
