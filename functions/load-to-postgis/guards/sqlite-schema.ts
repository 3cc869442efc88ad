import { DatabaseSync } from 'node:sqlite';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from '#shared/text/reason.ts';

/** The schema of an SQLite database, judged before GDAL opens it: statements in it can make SQLite and SpatiaLite read other files, or never end. */

/** Modules of SQLite and SpatiaLite that look at their own database only. VirtualText, VirtualShape, VirtualOGR and their like read any file. */
const OWN_MODULES = new Set([
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

/** Functions of SQLite, SpatiaLite and GDAL that reach out of the database, or run text as SQL. */
const REACHING_FUNCTIONS = new Set([
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

/** SQLite's own rules for the next token: no rule overlaps another, so that a statement has one reading. A byte order mark counts as a space. */
const TOKENS =
  /([\t-\r \ufeff]+|\/\*[^]*?(?:\*\/|$)|--[^\n]*)|("(?:[^"]|"")*"|'(?:[^']|'')*'|`(?:[^`]|``)*`|\[[^\]]*\])|([\w$\u0080-\u{10ffff}]+)|([^])/gu;

/** The words and signs of a statement, without comments and quotes, in lower case. */
export function tokensOf(sql: string): string[] {
  return [...sql.matchAll(TOKENS)].flatMap(([, gap, quoted, word, sign]) =>
    gap !== undefined ? [] : [(quoted?.slice(1, -1) ?? word ?? sign ?? '').toLowerCase()],
  );
}

/** What makes a statement of a schema reach out of the database, or never end, in words that follow `holds …`; undefined when it does not. */
export function objectionToStatement(name: string, sql: string): string | undefined {
  const tokens = tokensOf(sql);
  while (tokens[0] === ';') tokens.shift();
  const [first, second] = tokens.filter((token) => token !== 'temp' && token !== 'temporary');
  if (first === 'create' && second === 'virtual') {
    const module = moduleOf(tokens);
    if (module !== undefined && OWN_MODULES.has(module)) return undefined;
    return `the virtual table ${JSON.stringify(name)}${module === undefined ? '' : ` of ${module}`}, which reads other files`;
  }
  if (first === 'create' && second === 'view' && tokens.includes('recursive'))
    return `the recursive view ${JSON.stringify(name)}, which may never end`;
  if (first === 'create' && second === 'table') return undefined; // Only columns can have these names there.
  const reaching = tokens.find((token, index) => REACHING_FUNCTIONS.has(token) && tokens[index + 1] === '(');
  return reaching === undefined ? undefined : `${JSON.stringify(name)}, which calls ${reaching}()`;
}

/** `create virtual table [if not exists] [schema.]name using module`, by SQLite's grammar. */
function moduleOf(tokens: readonly string[]): string | undefined {
  const name = tokens.slice(3, 6).join(' ') === 'if not exists' ? 6 : 3;
  const using = tokens[name + 1] === '.' ? name + 3 : name + 1;
  return tokens[2] === 'table' && tokens[using] === 'using' ? tokens[using + 1] : undefined;
}

/**
 * Throws FILE_FORBIDDEN_CONTENT when a statement of the database at `path` reaches out of it or may never end, FILE_UNREADABLE when it is damaged.
 * What a row of the schema claims to be is not believed: SQLite goes by the text of its statement.
 */
export function refuseReachingSchema(path: string, file: string): void {
  for (const { name, sql } of schemaOf(path, file)) {
    const objection = objectionToStatement(name, sql);
    if (objection !== undefined)
      throw new SluiceError(
        'FILE_FORBIDDEN_CONTENT',
        `${file} holds ${objection}. Remove that; Sluice reads only what was uploaded.`,
        { details: { file } },
      );
  }
}

/** Reading the schema does not touch what it describes: modules are loaded when a table is used. */
function schemaOf(path: string, file: string): { name: string; sql: string }[] {
  try {
    const database = new DatabaseSync(path, { readOnly: true, allowExtension: false });
    try {
      const rows = database
        .prepare('select cast(name as text) as name, cast(sql as text) as sql from sqlite_master where sql is not null')
        .all();
      return rows.map((row) => ({ name: String(row.name), sql: String(row.sql) }));
    } finally {
      database.close();
    }
  } catch (cause) {
    throw new SluiceError('FILE_UNREADABLE', `${file} is a damaged SQLite database: ${reasonOf(cause)}.`, {
      cause,
      details: { file },
    });
  }
}
