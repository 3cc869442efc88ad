import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { withZipArchive } from '#shared/formats/zip.ts';
import { isSqlite } from '#shared/formats/signatures.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import type { VectorFormat } from '#shared/formats/vector-formats.ts';
import type { Source } from '#shared/landing/fetch-source.ts';
import { secureSchema, type SqliteSchema } from './sqlite-schema.ts';
import { checkCoordinates } from './text-coordinates.ts';
import { reasonToRejectXml } from './xml-prolog.ts';

/**
 * Rejects files that make GDAL read other local files. Neither the list of allowed drivers nor the missing network
 * prevents this for virtual tables of SQLite, MapInfo views on other tables and XML entities.
 */

const XML_DRIVERS = new Set(['GML', 'GPX', 'LIBKML']);
/** A .tab file is a text of a few kilobytes: field definitions and metadata. */
const MAX_TAB_BYTES = 2 ** 20;
/** GDAL treats a .tab file with one of these lines, at any place, as a table that consists of other tables. */
const OTHER_TABLES = /(?:^|[\r\n])[^\S\r\n]*(?:open\s+table|create\s+view)|IsSeamless"?\s*=\s*"?TRUE/i;

export interface ReferenceCheckOptions {
  /** Folder for files unpacked from a KMZ. */
  folder: string;
  /** Limit for the unpacked size of a KMZ, in bytes. */
  maxBytes: number;
  signal: AbortSignal;
}

/**
 * Throws FILE_FORBIDDEN_CONTENT for a file that refers to other files, the errors of secureSchema for a database, and
 * for a KMZ the errors of withZipArchive. `head` holds the first bytes of the file. Returns the schema of a database.
 */
export async function rejectReferences(
  source: Source<VectorFormat>,
  head: Buffer,
  options: ReferenceCheckOptions,
): Promise<SqliteSchema | undefined> {
  const { path, file, format, parts } = source;
  const schema = isSqlite(head) ? await secureSchema(path, file) : undefined;
  if (format.isZipArchive) await rejectXmlInZip(source, options);
  else if (format.drivers.some((driver) => XML_DRIVERS.has(driver))) await rejectXml(path, file, file, options.signal);
  if (parts.includes('.xsd')) await rejectXml(`${stemOf(path)}.xsd`, `The .xsd file of ${file}`, file, options.signal);
  if (format.drivers.includes('MapInfo File') && !format.extensions.includes('.mif'))
    await rejectMapinfoView(path, file);
  return schema;
}

/** `document` is the name of the XML document in the message; `file` is the file of the manifest. */
async function rejectXml(path: string, document: string, file: string, signal: AbortSignal): Promise<void> {
  const reason = await reasonToRejectXml(path, signal);
  if (reason !== undefined) throw forbiddenContent(`${document} ${reason}`, file);
}

/** Checks every document in a KMZ: documents can refer to each other, and GDAL chooses which one it opens. */
async function rejectXmlInZip(
  { path, file, format }: Source<VectorFormat>,
  { folder, maxBytes, signal }: ReferenceCheckOptions,
): Promise<void> {
  const target = join(folder, 'document');
  await withZipArchive(path, file, { maxBytes }, async (members, unpack) => {
    for (const member of members.filter(({ name }) => /\.(kml|xml)$/i.test(name))) {
      await unpack(member, target, signal);
      const document = `${JSON.stringify(member.name)} in ${file}`;
      await rejectXml(target, document, file, signal);
      await checkCoordinates(target, format, { document, file, signal });
    }
  });
}

async function rejectMapinfoView(path: string, file: string): Promise<void> {
  const { size } = await stat(path);
  if (size > MAX_TAB_BYTES)
    throw new SluiceError(
      'FILE_TOO_LARGE',
      `${file} has ${size} bytes; Sluice reads .tab files of at most ${MAX_TAB_BYTES} bytes. Remove its metadata.`,
      { details: { file, bytes: size, limit: MAX_TAB_BYTES } },
    );
  if (OTHER_TABLES.test(await readFile(path, 'latin1')))
    throw forbiddenContent(
      `${file} is a MapInfo view or seamless table, which refers to other tables. Save it as a table.`,
      file,
    );
}

function forbiddenContent(message: string, file: string): SluiceError {
  return new SluiceError('FILE_FORBIDDEN_CONTENT', message, { details: { file } });
}
