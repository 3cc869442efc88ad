import { quotedString } from '@duckdb/node-api';
import type { LockedDatabase } from '#shared/duckdb/locked-database.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SourceFile } from '#shared/contracts/facts.ts';
import { declaredTypes, nameColumns } from './read-delimited.ts';
import { MAX_REJECTED_SAMPLE } from './rejected-rows.ts';
import { type StagedRows, stagedTableSql } from './staged-table.ts';
import { MAX_COLUMNS, type SourceColumn, type TableSource, type TabularParameters } from './table-source.ts';
import type { TabularType } from './value-types.ts';

const NUMBER_TYPES: readonly TabularType[] = ['bigint', 'double', 'decimal'];
const TEXT_TYPES: readonly TabularType[] = ['date', 'timestamp', 'timestamptz'];

/**
 * A file of JSON objects, one a line, as a table: a column for each key, in the order in which keys first appear. JSON's own types count: what
 * is in quotes is text or a time, never a number; objects and lists stay JSON. Lines that hold no object are rejected.
 */
export async function jsonLinesTable(
  database: LockedDatabase,
  staged: StagedRows,
  source: SourceFile,
  parameters: TabularParameters,
  signal: AbortSignal,
): Promise<TableSource> {
  const lines = `(select line, case when json_valid(c0) and json_type(c0) = 'OBJECT' then c0 end as object from ${stagedTableSql(staged)})`;
  const others = await rejectOthers(database, lines, staged, signal);
  const keys = (await database.query<{ key: string }>(keysSql(lines), signal)).map(({ key }) => key);
  if (keys.length === 0)
    throw new SluiceError(
      'FILE_UNREADABLE',
      `${source.path} holds no JSON object with a field. Write one object on each line.`,
      { details: { file: source.path } },
    );
  if (keys.length > MAX_COLUMNS)
    throw new SluiceError(
      'TOO_MANY_COLUMNS',
      `The objects of ${source.path} have more than ${MAX_COLUMNS} different keys. Use a list of objects with a key and a value instead.`,
      { details: { file: source.path } },
    );
  const pointers = keys.map(jsonPointer);
  const kinds = await database.query<{ kinds: string[] | null }>(kindsSql(lines, pointers), signal);
  const { names, notes } = nameColumns(keys, keys.length, source.path);
  const declared = declaredTypes(parameters.columns ?? {}, names, keys, source.path);
  const columns = names.map((name, position): SourceColumn => {
    const own = typesOfKinds(kinds[position]?.kinds ?? []);
    return {
      name,
      position,
      declared: declared.get(position) ?? (own === 'json' ? 'json' : undefined),
      candidates: own === 'json' ? [] : own,
      escaped: false,
    };
  });
  return {
    source,
    columns,
    from: rowsSql(lines, pointers),
    values: valuesSql(lines, pointers),
    rows: staged.rows - others,
    decimal: '.',
    nullValues: [],
    rejected: staged.rejected,
    notes,
  };
}

async function rejectOthers(
  database: LockedDatabase,
  lines: string,
  staged: StagedRows,
  signal: AbortSignal,
): Promise<number> {
  const [bad] = await database.query<{ count: string; sample: string[] | null }>(
    `select count(*) as count, list(line order by line)[:${MAX_REJECTED_SAMPLE}] as sample from ${lines} where object is null`,
    signal,
  );
  const count = Number(bad?.count ?? 0);
  staged.rejected.addAll(
    count,
    (bad?.sample ?? []).map((line) => ({ line: Number(line), reason: 'is not a JSON object' })),
  );
  return count;
}

/** A JSON pointer (RFC 6901) to a field; unlike a path it takes any key. */
export function jsonPointer(key: string): string {
  return `/${key.replaceAll('~', '~0').replaceAll('/', '~1')}`;
}

function keysSql(lines: string): string {
  return `select key from (select key, min((line, place)) as first from (select line, unnest(json_keys(object)) as key, generate_subscripts(json_keys(object), 1) as place from ${lines} where object is not null) group by key) order by first limit ${MAX_COLUMNS + 1}`;
}

function kindsSql(lines: string, pointers: readonly string[]): string {
  return `select list(distinct kind) as kinds from (select unnest(json_type(object, ${listSql(pointers)})) as kind, generate_subscripts(${listSql(pointers)}, 1) as place from ${lines} where object is not null) group by place order by place`;
}

function rowsSql(lines: string, pointers: readonly string[]): string {
  return `(select line, ${pointers.map((_, index) => `fields[${index + 1}] as c${index}`).join(', ')} from ${fieldsSql(lines, pointers)})`;
}

function valuesSql(lines: string, pointers: readonly string[]): string {
  return `(select generate_subscripts(fields, 1) - 1 as position, unnest(fields) as c0 from ${fieldsSql(lines, pointers)})`;
}

function fieldsSql(lines: string, pointers: readonly string[]): string {
  return `(select line, json_extract_string(object, ${listSql(pointers)}) as fields from ${lines} where object is not null)`;
}

function listSql(texts: readonly string[]): string {
  return `[${texts.map(quotedString).join(', ')}]`;
}

/** What the JSON types of a field's values allow: candidates, or `json`. A mixture is text. */
function typesOfKinds(found: readonly (string | null)[]): readonly TabularType[] | 'json' {
  const kinds = new Set(
    found.filter((kind) => kind !== null && kind !== 'NULL').map((kind) => KIND[kind ?? ''] ?? 'text'),
  );
  const [only] = kinds;
  if (kinds.size !== 1) return [];
  return only === 'json' ? 'json' : only === 'number' ? NUMBER_TYPES : only === 'boolean' ? ['boolean'] : TEXT_TYPES;
}

/** DuckDB's names of JSON types. */
const KIND: Record<string, 'number' | 'boolean' | 'text' | 'json'> = {
  BIGINT: 'number',
  UBIGINT: 'number',
  HUGEINT: 'number',
  DOUBLE: 'number',
  BOOLEAN: 'boolean',
  VARCHAR: 'text',
  OBJECT: 'json',
  ARRAY: 'json',
};
