import { rm } from 'node:fs/promises';
import type { Note } from '#shared/contracts/shared-schemas.ts';
import { type ZipMember, type ReadMember, withZipArchive } from '#shared/formats/zip.ts';
import { vectorFormat } from '#shared/formats/vector-formats.ts';
import { stemOf } from '#shared/landing/source-parts.ts';
import { listNames } from '#shared/text/list-names.ts';
import { type Element, ElementReader, MarkupReader } from '../readers/markup-reader.ts';
import type { VectorSource } from '../vector-source.ts';
import type { LoadContext } from '../load-context.ts';

/**
 * Unpacks the document of a KMZ, so that its values are read as exactly as those of a KML file. An archive of several
 * documents is left to GDAL, which chooses the one to read; a note names the others.
 */
export async function unpackKmz(
  source: VectorSource,
  { env, signal }: Pick<LoadContext, 'env' | 'signal'>,
): Promise<{ unpacked: VectorSource; notes: Note[] }> {
  const { path, file, format } = source;
  if (format.name !== 'KMZ') return { unpacked: source, notes: [] };
  const target = `${stemOf(path)}.kml`; // GDAL names a layer after the file.
  const skipped = await withZipArchive(path, file, { maxBytes: env.MAX_FILE_BYTES }, async (members, unpack, read) => {
    const documents = members.filter(({ name }) => /\.kml$/i.test(name));
    const [document, ...others] = documents;
    if (document === undefined || others.length > 0) return skippedDocuments(documents, read, signal);
    await unpack(document, target, signal);
    return undefined;
  });
  if (skipped !== undefined) return { unpacked: source, notes: skippedNotes(skipped, file) };
  await rm(path);
  return { unpacked: { ...source, path: target, format: vectorFormat('KML') }, notes: [] };
}

/**
 * The names of the documents with placemarks that GDAL does not read: it reads those to which the first one links, else
 * the first one.
 */
async function skippedDocuments(
  documents: readonly ZipMember[],
  read: ReadMember,
  signal: AbortSignal,
): Promise<string[]> {
  const names = new Set(documents.map(({ name }) => name));
  const used = new Set<string>();
  const first = documents.find(({ name }) => name.endsWith('.kml')); // GDAL accepts only this case.
  if (first !== undefined) {
    await findElement(read(first), signal, ({ name, text }) => {
      const link = Buffer.from(text.trim(), 'latin1').toString();
      if (name === 'href' && names.has(link)) used.add(link);
      return false;
    });
    if (used.size === 0) used.add(first.name);
  }
  const skipped: string[] = [];
  for (const document of documents)
    if (!used.has(document.name) && (await findElement(read(document), signal, ({ name }) => name === 'Placemark')))
      skipped.push(document.name);
  return skipped;
}

/** Whether `isSearched` is true for an element. Texts of elements are bytes (Latin-1). */
async function findElement(
  chunks: AsyncIterable<Buffer>,
  signal: AbortSignal,
  isSearched: (element: Element) => boolean,
): Promise<boolean> {
  let isFound = false;
  const reader = new MarkupReader(new ElementReader((element) => (isFound ||= isSearched(element))));
  for await (const chunk of chunks) {
    signal.throwIfAborted();
    reader.add(chunk.toString('latin1').replaceAll('\0', '')); // Markup is ASCII, in UTF-16 with a zero byte.
    if (isFound) return true;
  }
  return false;
}

/** Documents that a note lists. An archive can have thousands. */
const MAX_LISTED_DOCUMENTS = 3;

function skippedNotes(skipped: readonly string[], file: string): Note[] {
  if (skipped.length === 0) return [];
  const names = skipped.map((name) => JSON.stringify(name));
  const message =
    `${skipped.length} documents with placemarks in ${file} were skipped: ${listNames(names, MAX_LISTED_DOCUMENTS)}. ` +
    'GDAL reads the first document of a KMZ, or those to which it links. Upload each .kml file to load them.';
  return [{ code: 'DOCUMENTS_SKIPPED', file, message }];
}
