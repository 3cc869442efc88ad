import { DatabaseSync } from 'node:sqlite';
import { stemOf } from '#shared/landing/source-parts.ts';
import { guardGpxTexts } from '../gpx/guard-extensions.ts';
import type { VectorSource } from '../load/fetch-vector.ts';
import { CONVERTED_TABLE } from '../load/plan-load.ts';
import { declareCharset } from './mapinfo-charset.ts';
import { declareMifTexts, declareTabTexts } from './mapinfo-texts.ts';
import { quotedSqlite } from '../rows/sqlite-columns.ts';
import { declareKmlTexts } from './kml-texts.ts';
import type { DeclaredTexts } from './text-facts.ts';

/** Changes the local copy of a file, so that GDAL reads its numbers as text, and its texts as they are. */
export async function declareTexts(
  { format, path, sha256, file, declared }: VectorSource,
  signal: AbortSignal,
): Promise<DeclaredTexts> {
  if (format.encoding === 'charset' && declared.encoding !== undefined)
    await declareCharset({ path, file }, declared.encoding, signal);
  switch (format.name) {
    case 'KML':
      return declareKmlTexts({ path, file }, guardOf(sha256), signal);
    case 'GPX':
      return guardGpxTexts(path, guardOf(sha256), signal);
    case 'MIF':
      return { declared: await declareMifTexts(path, signal) };
    case 'MapInfo File':
      return { declared: await declareTabTexts(path, `${stemOf(path)}.dat`) };
    default:
      return {};
  }
}

/**
 * A guard is a text that is written beside a value in the local copy of a document, so that GDAL reads the value as it
 * is written: GDAL's driver for KML removes white space around a value, that for GPX reads `007` as 7. It is removed
 * from the columns after the conversion.
 */

/** Characters of a digest that no document contains by accident. */
const DIGEST_CHARACTERS = 16;

/** The guard of a document: a part of its own SHA-256 digest. */
function guardOf(sha256: string): string {
  return `~${sha256.slice(0, DIGEST_CHARACTERS)}~`;
}

/** Removes the guards from the texts of the converted layer. */
export function removeGuards(path: string, guard: string): void {
  using database = new DatabaseSync(path, { allowExtension: false });
  const columns = database.prepare(`pragma table_info(${quotedSqlite(CONVERTED_TABLE)})`).all();
  const texts = columns
    .filter(({ type }) => /char|text/i.test(String(type)))
    .map(({ name }) => quotedSqlite(String(name)));
  if (texts.length === 0) return;
  const changes = texts.map((column) => `${column} = replace(${column}, ?1, '')`);
  const conditions = texts.map((column) => `instr(${column}, ?1)`);
  database
    .prepare(`update ${quotedSqlite(CONVERTED_TABLE)} set ${changes.join(', ')} where ${conditions.join(' or ')}`)
    .run(guard);
}
