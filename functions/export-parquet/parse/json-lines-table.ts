import { quotedString } from '@duckdb/node-api';
import type { Note, SourceFile } from '#shared/contracts/shared-schemas.ts';
import type { TextColumn } from '#shared/tables/infer/text-table.ts';
import { MAX_TABLE_COLUMNS } from '#shared/tables/dialect.ts';
import { type StagedRows, stagedTableSql } from '#shared/tables/stage-rows.ts';
import type { LockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type DeclaredKind, typesOfKinds } from '#shared/tables/rules/cells.ts';
import { nameColumns } from '#shared/tables/rules/find-header.ts';
import { MAX_REJECTED_SAMPLE } from '#shared/tables/row-writer.ts';
import { declaredTypes, type SourceTable } from '#shared/tables/source-table.ts';
import type { TabularParameters } from '#shared/manifest/manifest.ts';

/**
 * A staged file of JSON lines as a table with a column for each key, in the order in which the keys first occur. The
 * types of JSON are kept: a JSON string is text or a time, never a number; objects and lists are of type json. Lines
 * that are not JSON objects are rejected.
 */
export async function jsonLinesTable(
  database: LockedDatabase,
  staged: StagedRows,
  source: SourceFile,
  parameters: TabularParameters,
  signal: AbortSignal,
): Promise<SourceTable> {
  const objects = objectsSql(staged);
  const rejectedLines = await rejectOtherLines(database, objects, staged, signal);
  const keys = await readKeys(database, objects, source.path, signal);
  const pointers = keys.map(jsonPointer);
  const jsonTypes = await database.query<{ types: (string | null)[] | null }>(jsonTypesSql(objects, pointers), signal);
  const fields = fieldsSql(objects, pointers, (index) => hasTexts(jsonTypes[index]?.types ?? []));
  const { names, notes } = nameColumns(keys, keys.length, source.path);
  const declared = declaredTypes(parameters.columns ?? {}, names, keys, source.path);
  const kinds = jsonTypes.map(({ types }) => kindsOfJson(types ?? []));
  const columns = names.map((name, position): TextColumn => {
    const { candidates, fixed } = typesOfKinds(kinds[position] ?? []);
    return {
      name,
      position,
      declared: declared.get(position),
      fixed,
      candidates,
      escaped: false,
    };
  });
  return {
    source,
    columns,
    rowsSql: rowsSql(fields, pointers.length),
    valuesSql: valuesSql(fields),
    rowCount: staged.rows - rejectedLines,
    notation: { decimal: '.' },
    nullValues: [],
    rejected: staged.rejected,
    notes: [...notes, ...mixedColumns(columns, kinds, source.path)],
  };
}

async function rejectOtherLines(
  database: LockedDatabase,
  objects: string,
  staged: StagedRows,
  signal: AbortSignal,
): Promise<number> {
  const [found] = await database.query<{ count: string; sample: { line: string; repeated: boolean }[] | null }>(
    `select count(*) as count,
            list({'line': line, 'repeated': is_repeated} order by line)[:${MAX_REJECTED_SAMPLE}] as sample
       from ${objects} where object is null`,
    signal,
  );
  const count = Number(found?.count ?? 0);
  const sample = (found?.sample ?? []).map(({ line, repeated }) => ({
    line: Number(line),
    reason: repeated ? 'has a key twice' : 'is not a JSON object',
  }));
  staged.rejected.addAll(count, sample);
  return count;
}

/**
 * Statements contain every key several times. Without a limit, a statement of 300 MB stopped the event loop for more
 * than 10 s.
 */
const MAX_KEY_CHARACTERS = 1_000;
/** Characters of a key that is too long in a message. */
const SHOWN_KEY_CHARACTERS = 40;

/** Throws FILE_UNREADABLE when the objects have no keys or a key that is too long, TOO_MANY_COLUMNS. */
async function readKeys(
  database: LockedDatabase,
  objects: string,
  file: string,
  signal: AbortSignal,
): Promise<string[]> {
  const rows = await database.query<{ key: string }>(keysSql(objects), signal);
  if (rows.length === 0)
    throw new SluiceError(
      'FILE_UNREADABLE',
      `${file} contains no JSON object with a field. Write one object on each line.`,
      { details: { file } },
    );
  if (rows.length > MAX_TABLE_COLUMNS)
    throw new SluiceError(
      'TOO_MANY_COLUMNS',
      `The objects of ${file} have more than ${MAX_TABLE_COLUMNS} different keys. ` +
        'Use a list of objects with a key and a value instead.',
      { details: { file, limit: MAX_TABLE_COLUMNS } },
    );
  const keys = rows.map(({ key }) => key);
  const long = keys.find((key) => [...key].length > MAX_KEY_CHARACTERS);
  if (long === undefined) return keys;
  const beginning = JSON.stringify(`${[...long].slice(0, SHOWN_KEY_CHARACTERS).join('')}…`);
  throw new SluiceError(
    'FILE_UNREADABLE',
    `The objects of ${file} have a key of more than ${MAX_KEY_CHARACTERS} characters, ${beginning}. Shorten it.`,
    { details: { file, limit: MAX_KEY_CHARACTERS } },
  );
}

/** A JSON pointer (RFC 6901) to a field. Unlike a JSON path it can contain any key. */
function jsonPointer(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

/**
 * SQL after FROM: `line` and `object` for each line. `object` is null for a line that is not a JSON object, or that has
 * a key twice (`is_repeated`), of which a reader would drop one value.
 */
function objectsSql(staged: StagedRows): string {
  return `(
    select line, is_repeated, case when not is_repeated then valid end as object
      from (
        select line, valid, coalesce(len(json_keys(valid)) > len(list_distinct(json_keys(valid))), false) as is_repeated
          from (
            select line, case when json_valid(c0) and json_type(c0) = 'OBJECT' then c0 end as valid
              from ${stagedTableSql(staged)})))`;
}

function keysSql(objects: string): string {
  return `
    select key
      from (
        select left(key, ${MAX_KEY_CHARACTERS + 1}) as key, min((line, place)) as first
          from (
            select line, unnest(json_keys(object)) as key, generate_subscripts(json_keys(object), 1) as place
              from ${objects} where object is not null)
         group by 1)
     order by first
     limit ${MAX_TABLE_COLUMNS + 1}`;
}

/** SQL: for each pointer, in order, the distinct JSON types of its values. */
function jsonTypesSql(objects: string, pointers: readonly string[]): string {
  const list = listSql(pointers);
  return `
    select list(distinct type) as types
      from (
        select unnest(json_type(object, ${list})) as type, generate_subscripts(${list}, 1) as place
          from ${objects} where object is not null)
     group by place
     order by place`;
}

function rowsSql(fields: string, count: number): string {
  const columns = Array.from({ length: count }, (_, index) => `fields[${index + 1}] as c${index}`);
  return `(select line, ${columns.join(', ')} from ${fields})`;
}

function valuesSql(fields: string): string {
  return `(select generate_subscripts(fields, 1) - 1 as position, unnest(fields) as c0 from ${fields})`;
}

/** SQL after FROM: `line` and `fields`, the texts of the values. */
function fieldsSql(objects: string, pointers: readonly string[], hasTextsAt: (index: number) => boolean): string {
  const written = pointers.map((pointer, index) => (hasTextsAt(index) ? `${pointer}/0` : pointer));
  const plain = `json_extract_string(object, ${listSql(pointers)})`;
  const fields = written.every((pointer, index) => pointer === pointers[index])
    ? plain
    : `list_transform(list_zip(json_extract_string(object, ${listSql(written)}), ${plain}),
        lambda pair: coalesce(pair[1], pair[2]))`;
  return `(select line, ${fields} as fields from ${objects} where object is not null)`;
}

/** Whether values of a column are texts that JsonLinesScanner wrote in an array or object. */
function hasTexts(jsonTypes: readonly (string | null)[]): boolean {
  return jsonTypes.includes('ARRAY') || jsonTypes.includes('OBJECT');
}

function listSql(texts: readonly string[]): string {
  return `[${texts.map(quotedString).join(', ')}]`;
}

/** DuckDB's names of the JSON types. JsonLinesScanner writes numbers as objects, and objects as arrays. */
const KIND_OF_JSON: Record<string, DeclaredKind> = {
  BIGINT: 'number',
  UBIGINT: 'number',
  HUGEINT: 'number',
  DOUBLE: 'number',
  BOOLEAN: 'boolean',
  VARCHAR: 'string',
  OBJECT: 'number',
  ARRAY: 'json',
};

/** The kinds of the values of a column, without null. */
function kindsOfJson(jsonTypes: readonly (string | null)[]): DeclaredKind[] {
  const types = jsonTypes.filter((type) => type !== null && type !== 'NULL');
  return [...new Set(types.map((type) => KIND_OF_JSON[type ?? ''] ?? 'string'))];
}

/** The kinds in messages, in their order. */
const NAMES = { number: 'numbers', boolean: 'booleans', string: 'strings', json: 'objects or lists' };
/** Columns with a note. A table can have thousands. */
const MAX_NOTES = 10;

function mixedColumns(columns: readonly TextColumn[], kinds: readonly DeclaredKind[][], file: string): Note[] {
  const mixed = columns.filter(
    ({ declared, position }) => declared === undefined && (kinds[position] ?? []).length > 1,
  );
  return mixed.slice(0, MAX_NOTES).map(({ name, position }) => {
    const present = Object.entries(NAMES).flatMap(([kind, word]) =>
      kinds[position]?.includes(kind as DeclaredKind) === true ? [word] : [],
    );
    const message = `Column ${JSON.stringify(name)} has ${present.join(' and ')}, so all of its values are text.`;
    return { code: 'COLUMN_MIXED', file, column: name, message };
  });
}
