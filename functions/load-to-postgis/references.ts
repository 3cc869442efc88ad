import { DatabaseSync } from 'node:sqlite';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { VectorFormat } from '#shared/gdal/formats.ts';

/**
 * Files that would have GDAL read other files, which the list of drivers and the missing network don't prevent: virtual tables of an
 * SQLite database, MapInfo tables that are views on others, XML entities.
 */

/** Modules of SQLite and SpatiaLite that look at their own database only. VirtualText, VirtualShape, VirtualOGR and their like read any file. */
const OWN_MODULES = new Set(['rtree', 'rtree_i32', 'geopoly', 'fts3', 'fts4', 'fts5', 'virtualspatialindex', 'virtualelementary', 'virtualknn', 'virtualknn2']);

const GAP = String.raw`(?:\s|/\*[\s\S]*?\*/|--[^\n]*(?:\n|$))`;
const NAME = String.raw`(?:"(?:[^"]|"")*"|'(?:[^']|'')*'|${'`'}(?:[^${'`'}]|${'``'})*${'`'}|\[[^\]]*\]|[\w$\u0080-\uffff]+)`;
/** SQLite's grammar of CREATE VIRTUAL TABLE, up to the module. */
const VIRTUAL_TABLE = new RegExp(String.raw`^create${GAP}+virtual${GAP}+table${GAP}+(?:if${GAP}+not${GAP}+exists${GAP}+)?${NAME}${GAP}*(?:\.${GAP}*${NAME}${GAP}*)?${GAP}*using${GAP}*(${NAME})`, 'iu');

/** The module of a virtual table, in lower case; undefined when the statement can't be understood. */
export function moduleOf(sql: string): string | undefined {
  return VIRTUAL_TABLE.exec(sql)?.[1]?.replace(/^["'`[]([\s\S]*)["'`\]]$/, '$1').toLowerCase();
}

/** Throws FILE_FORBIDDEN_CONTENT for a file that refers to others, FILE_UNREADABLE for a damaged database. `head` is its beginning. */
export function refuseReferences(path: string, head: Buffer, format: VectorFormat, file: string): void {
  const text = head.toString('latin1');
  if (/^\s*(?:\u00ef\u00bb\u00bf)?\s*</.test(text) && /<!ENTITY/.test(text)) throw forbidden(file, 'declares XML entities, which can refer to other files or grow without end');
  if (format.drivers.includes('MapInfo File') && /^\s*(?:open table|create view)|IsSeamless"\s*=\s*"TRUE/im.test(text)) throw forbidden(file, 'is a MapInfo view or seamless table, which is made of other tables');
  if (text.startsWith('SQLite format 3')) refuseVirtualTables(path, file);
}

function refuseVirtualTables(path: string, file: string): void {
  for (const { name, sql } of virtualTables(path, file)) {
    const module = moduleOf(sql);
    if (module === undefined || !OWN_MODULES.has(module)) throw forbidden(file, `holds the virtual table ${JSON.stringify(name)}${module === undefined ? '' : ` of ${module}`}, which reads other files`);
  }
}

/** Reading the schema does not touch what it describes: modules are loaded when a table is used. */
function virtualTables(path: string, file: string): { name: string; sql: string }[] {
  try {
    const database = new DatabaseSync(path, { readOnly: true, allowExtension: false });
    try {
      const rows = database.prepare(`select name, sql from sqlite_master where type = 'table' and coalesce(rootpage, 0) = 0`).all();
      return rows.map((row) => ({ name: String(row.name), sql: String(row.sql) }));
    } finally {
      database.close();
    }
  } catch (cause) {
    throw new SluiceError('FILE_UNREADABLE', `${file} is a damaged SQLite database: ${cause instanceof Error ? cause.message : String(cause)}.`, { cause, details: { file } });
  }
}

function forbidden(file: string, what: string): SluiceError {
  return new SluiceError('FILE_FORBIDDEN_CONTENT', `${file} ${what}. Remove that; Sluice reads only what was uploaded.`, { details: { file } });
}
