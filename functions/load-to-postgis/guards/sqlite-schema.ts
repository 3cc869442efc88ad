import { DatabaseSync } from 'node:sqlite';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { checkSchemaSize } from './sqlite-size.ts';

/**
 * Checks the schema of an SQLite database before GDAL opens the file. Virtual tables and functions can make SQLite and
 * SpatiaLite read other files. A view can run without a limit, and GDAL runs views even to list the layers of a file.
 */

/**
 * Modules of SQLite and SpatiaLite that read their own database only. Others, such as VirtualText, VirtualShape and
 * VirtualOGR, can read any file.
 */
const SAFE_MODULES = new Set([
  'rtree',
  'rtree_i32',
  'geopoly',
  'fts3',
  'fts4',
  'fts5',
  'virtualspatialindex',
  'virtualelementary',
  'virtualknn',
  'virtualknn2',
]);

/** Functions of SQLite, SpatiaLite and GDAL that read or write outside of the database, or run text as SQL. */
const UNSAFE_FUNCTIONS = new Set([
  'load_extension',
  'readfile',
  'writefile',
  'fsdir',
  'edit',
  'eval',
  'fts3_tokenizer',
  'ogr_datasource_load_layers',
  'ogr_geocode',
  'ogr_geocode_reverse',
  'gdal_get_pixel_value',
  'gdal_get_layer_pixel_value',
  'virtualogr',
  'virtualtext',
  'virtualshape',
  'virtualdbf',
  'virtualxl',
  'virtualgeojson',
  'blobfromfile',
  'blobtofile',
  'xb_loadxml',
  'xb_storexml',
  'importshp',
  'importdbf',
  'importxls',
  'importgeojson',
  'importzipshp',
  'importzipdbf',
  'importdxf',
  'importdxffromdir',
  'importwfs',
  'exportshp',
  'exportdbf',
  'exportdxf',
  'exportkml',
  'exportgeojson',
  'exportgeojson2',
]);

/** What SQLite can open as a table although it is not a table: GDAL would run a query. */
export interface SqliteSchema {
  /** The names of views that were removed from the local copy, without those of SpatiaLite. */
  views: string[];
  virtualTables: string[];
}

/** Views of the system tables of SpatiaLite. They are not layers. */
const SPATIALITE_VIEWS =
  /^(?:vector_layers|vector_coverages|raster_coverages|geom_cols_ref_sys|spatial_ref_sys_all|SE_|rl2map_|iso_metadata|wms_)/i;

/**
 * Makes the local copy of a database safe for GDAL: removes all views, so that neither GDAL nor SQLite can run one.
 * Returns the names of views and virtual tables. Throws FILE_FORBIDDEN_CONTENT when a statement of the schema is
 * unsafe, FILE_TOO_LARGE when the schema exceeds a limit, FILE_UNREADABLE when the database is damaged. The check uses
 * the text of the statements only, as SQLite does; the type column of the schema can be wrong.
 */
export async function secureSchema(path: string, file: string): Promise<SqliteSchema> {
  await checkSchemaSize(path, file);
  const statements = readSchema(path, file);
  for (const { name, sql } of statements) {
    const reason = reasonToRejectStatement(name, sql);
    if (reason !== undefined) throw forbidden(file, reason);
  }
  const ofKind = (kind: StatementKind) => statements.filter(({ sql }) => kindOf(sql) === kind);
  const namesOf = (kind: StatementKind) => ofKind(kind).map(({ name }) => name);
  const views = ofKind('view');
  if (views.length > 0) dropViews(path, file, views);
  return {
    views: namesOf('view').filter((name) => !SPATIALITE_VIEWS.test(name)),
    virtualTables: namesOf('virtual table'),
  };
}

/**
 * Why a statement of a schema is rejected: it reads outside of the database. The text follows `contains`; undefined for
 * a safe statement.
 */
export function reasonToRejectStatement(name: string, sql: string): string | undefined {
  const kind = kindOf(sql);
  if (kind === 'table') return undefined; // In a table, only columns can have the names of functions.
  if (kind === 'virtual table') {
    const module = findModule(firstTokens(sql, MODULE_WITHIN_TOKENS));
    if (module !== undefined && SAFE_MODULES.has(module)) return undefined;
    const ofModule = module === undefined ? '' : ` of module ${module}`;
    return `the virtual table ${JSON.stringify(name)}${ofModule}, which can read other files`;
  }
  let previous = '';
  for (const token of tokensOf(sql)) {
    if (token === '(' && UNSAFE_FUNCTIONS.has(previous))
      return `${JSON.stringify(name)}, which calls the function ${previous}()`;
    previous = token;
  }
  return undefined;
}

type StatementKind = 'table' | 'view' | 'virtual table' | 'other';

/** Tokens of a statement that determine its kind: `create`, `temp`, and the kind. */
const KIND_WITHIN_TOKENS = 3;
/** Tokens before the module: `create temp virtual table if not exists schema . name using module`. */
const MODULE_WITHIN_TOKENS = 12;

function kindOf(sql: string): StatementKind {
  const tokens = firstTokens(sql, KIND_WITHIN_TOKENS);
  const [first, second] = tokens.filter((token) => token !== 'temp' && token !== 'temporary');
  if (first !== 'create') return 'other';
  if (second === 'virtual') return 'virtual table';
  return second === 'table' || second === 'view' ? second : 'other';
}

/** The first tokens, without the semicolons and blanks that SQLite skips before a statement. */
function firstTokens(sql: string, count: number): string[] {
  const tokens: string[] = [];
  for (const token of tokensOf(sql)) {
    if (token === ';' && tokens.length === 0) continue;
    if (tokens.push(token) >= count) break;
  }
  return tokens;
}

/** The module in `create virtual table [if not exists] [schema.]name using module`, by SQLite's grammar. */
function findModule(tokens: readonly string[]): string | undefined {
  const name = tokens.slice(3, 6).join(' ') === 'if not exists' ? 6 : 3;
  const using = tokens[name + 1] === '.' ? name + 3 : name + 1;
  return tokens[2] === 'table' && tokens[using] === 'using' ? tokens[using + 1] : undefined;
}

/**
 * Removes the views in the local copy, and the triggers on them, which SQLite does not accept without their view. The
 * schema is read again, because its entries can be wrong.
 */
function dropViews(path: string, file: string, views: readonly SchemaRow[]): void {
  try {
    // `drop view` searches the whole schema, so the time for all views would grow with the square of their number.
    using database = new DatabaseSync(path, { allowExtension: false, defensive: false });
    database.exec(`
      pragma writable_schema = on;
      begin;
      create temp table views (name text primary key collate nocase) without rowid`);
    const rows = database.prepare('delete from sqlite_master where rowid = ?');
    const names = database.prepare('insert or ignore into views values (?)');
    for (const { rowid, name } of views) {
      rows.run(rowid);
      names.run(name);
    }
    database.exec(`
      delete from sqlite_master where type = 'trigger' and tbl_name collate nocase in (select name from views);
      commit`);
  } catch (cause) {
    throw forbidden(file, `a view that cannot be removed (${reasonOf(cause)})`, cause);
  }
  const left = readSchema(path, file).find(({ sql }) => kindOf(sql) === 'view');
  if (left !== undefined) throw forbidden(file, `the view ${JSON.stringify(left.name)}, which cannot be removed`);
}

function forbidden(file: string, content: string, cause?: unknown): SluiceError {
  return new SluiceError(
    'FILE_FORBIDDEN_CONTENT',
    `${file} contains ${content}. Remove it; Sluice reads uploaded files only.`,
    { cause, details: { file } },
  );
}

/** A row of the schema of a database. */
interface SchemaRow {
  rowid: number;
  name: string;
  sql: string;
}

/** Reads the schema as text. SQLite loads a module only when a table is used, so reading the schema is safe. */
function readSchema(path: string, file: string): SchemaRow[] {
  try {
    using database = new DatabaseSync(path, { readOnly: true, allowExtension: false });
    const rows = database
      .prepare(
        'select rowid, cast(name as text) as name, cast(sql as text) as sql from sqlite_master where sql is not null',
      )
      .all();
    return rows.map((row) => ({ rowid: Number(row.rowid), name: String(row.name), sql: String(row.sql) }));
  } catch (cause) {
    throw new SluiceError(
      'FILE_UNREADABLE',
      `${file} is a damaged SQLite database: ${reasonOf(cause)}. Export it again.`,
      { cause, details: { file } },
    );
  }
}

/**
 * The tokens of an SQL statement by SQLite's rules: blank or comment, quoted text, word, other character. The text is
 * read once, from left to right, so the time is linear. A quoted text or comment without an end extends to the end of
 * the text. SQLite treats a byte order mark as a blank.
 */

const BLANKS = /[\t-\r \ufeff]+/y;
const WORD = /[\w$\u0080-\u{10ffff}]+/uy;
/** Within quoted text, two of these characters in a row denote one. Text in brackets has no such notation. */
const QUOTES = '"\'`';

/** Yields words, texts without their quotes, and signs, in lower case. Blanks and comments are skipped. */
export function* tokensOf(sql: string): Generator<string> {
  for (let at = 0; at < sql.length;) {
    const blank = endOfBlank(sql, at);
    if (blank > at) {
      at = blank;
      continue;
    }
    const quote = sql[at] ?? '';
    const isQuoted = quote === '[' || QUOTES.includes(quote);
    const end = isQuoted ? endOfQuoted(sql, at, quote) : (endOfMatch(WORD, sql, at) ?? at + 1);
    yield (isQuoted ? sql.slice(at + 1, end - 1) : sql.slice(at, end)).toLowerCase();
    at = end;
  }
}

/** The end of the blanks or the comment at `at`; `at` when there is none. */
function endOfBlank(sql: string, at: number): number {
  if (sql.startsWith('--', at)) return indexAfter(sql, '\n', at);
  if (sql.startsWith('/*', at)) return indexAfter(sql, '*/', at + 2);
  return endOfMatch(BLANKS, sql, at) ?? at;
}

function endOfQuoted(sql: string, start: number, quote: string): number {
  if (quote === '[') return indexAfter(sql, ']', start);
  let end = indexAfter(sql, quote, start + 1);
  while (sql[end] === quote) end = indexAfter(sql, quote, end + 1);
  return end;
}

/** The index after the next `mark`; the length of the text without one. */
function indexAfter(sql: string, mark: string, from: number): number {
  const index = sql.indexOf(mark, from);
  return index < 0 ? sql.length : index + mark.length;
}

/** The end of the match of a sticky pattern at `at`. */
function endOfMatch(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
