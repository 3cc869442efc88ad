import { DatabaseSync } from 'node:sqlite';
import { quotedSqlite } from '../readers/sqlite-columns.ts';
import { CONVERTED_TABLE } from '../readers/sqlite-job.ts';

/**
 * A value marker is a text that is written beside a value in the local copy of a KML or GPX file, so that GDAL reads
 * the value as it is written: GDAL's driver for KML removes white space around a value, that for GPX reads `007` as 7.
 * It is removed from the columns after the conversion.
 */

/** Characters of a digest that no file contains by accident. */
const DIGEST_CHARACTERS = 16;

/** The value marker of a file: a part of its own SHA-256 digest. */
export function valueMarkerOf(sha256: string): string {
  return `~${sha256.slice(0, DIGEST_CHARACTERS)}~`;
}

/** Removes the value markers from the texts of the converted layer. */
export function removeValueMarkers(path: string, marker: string): void {
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
    .run(marker);
}
