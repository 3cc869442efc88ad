import { DatabaseSync } from 'node:sqlite';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from '#shared/text/describe-issue.ts';

/**
 * Checks the schema of an SQLite database before GDAL opens the file. Statements of the schema can make SQLite and
 * SpatiaLite read other files or run without a limit.
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

/**
 * SQLite's rules for tokens: blank or comment, quoted text, word, other character. No two rules match the same text,
 * so a statement has exactly one reading. SQLite treats a byte order mark as a blank.
 */
const TOKENS =
  /([\t-\r \ufeff]+|\/\*[^]*?(?:\*\/|$)|--[^\n]*)|("(?:[^"]|"")*"|'(?:[^']|'')*'|`(?:[^`]|``)*`|\[[^\]]*\])|([\w$\u0080-\u{10ffff}]+)|([^])/gu;

/**
 * Throws FILE_FORBIDDEN_CONTENT when a statement of the database at `path` is unsafe, FILE_UNREADABLE when the
 * database is damaged. The check uses the statement's text only, as SQLite does; the type column of the schema can be
 * wrong.
 */
export function rejectUnsafeSchema(path: string, file: string): void {
  for (const { name, sql } of readSchema(path, file)) {
    const reason = reasonToRejectStatement(name, sql);
    if (reason !== undefined)
      throw new SluiceError(
        'FILE_FORBIDDEN_CONTENT',
        `${file} contains ${reason}. Remove it; Sluice reads uploaded files only.`,
        { details: { file } },
      );
  }
}

/**
 * Why a statement of a schema is rejected: it reads outside of the database or may run without a limit. The text
 * follows `contains`; undefined for a safe statement.
 */
export function reasonToRejectStatement(name: string, sql: string): string | undefined {
  const tokens = tokenize(sql);
  while (tokens[0] === ';') tokens.shift();
  const [first, second] = tokens.filter((token) => token !== 'temp' && token !== 'temporary');
  if (first === 'create' && second === 'virtual') {
    const module = findModule(tokens);
    if (module !== undefined && SAFE_MODULES.has(module)) return undefined;
    const ofModule = module === undefined ? '' : ` of module ${module}`;
    return `the virtual table ${JSON.stringify(name)}${ofModule}, which can read other files`;
  }
  if (first === 'create' && second === 'view' && tokens.includes('recursive'))
    return `the recursive view ${JSON.stringify(name)}, which may return rows without end`;
  if (first === 'create' && second === 'table') return undefined; // In a table, only columns can have these names.
  const unsafe = tokens.find((token, index) => UNSAFE_FUNCTIONS.has(token) && tokens[index + 1] === '(');
  return unsafe === undefined ? undefined : `${JSON.stringify(name)}, which calls the function ${unsafe}()`;
}

/** The words and signs of a statement in lower case, without comments and quotes. */
function tokenize(sql: string): string[] {
  return [...sql.matchAll(TOKENS)].flatMap(([, blank, quoted, word, sign]) =>
    blank !== undefined ? [] : [(quoted?.slice(1, -1) ?? word ?? sign ?? '').toLowerCase()],
  );
}

/** The module in `create virtual table [if not exists] [schema.]name using module`, by SQLite's grammar. */
function findModule(tokens: readonly string[]): string | undefined {
  const name = tokens.slice(3, 6).join(' ') === 'if not exists' ? 6 : 3;
  const using = tokens[name + 1] === '.' ? name + 3 : name + 1;
  return tokens[2] === 'table' && tokens[using] === 'using' ? tokens[using + 1] : undefined;
}

/** Reads the schema as text. SQLite loads a module only when a table is used, so reading the schema is safe. */
function readSchema(path: string, file: string): { name: string; sql: string }[] {
  try {
    using database = new DatabaseSync(path, { readOnly: true, allowExtension: false });
    const rows = database
      .prepare('select cast(name as text) as name, cast(sql as text) as sql from sqlite_master where sql is not null')
      .all();
    return rows.map((row) => ({ name: String(row.name), sql: String(row.sql) }));
  } catch (cause) {
    throw new SluiceError(
      'FILE_UNREADABLE',
      `${file} is a damaged SQLite database: ${reasonOf(cause)}. Export it again.`,
      { cause, details: { file } },
    );
  }
}
