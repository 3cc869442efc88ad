import { quotedIdentifier, quotedString } from '@duckdb/node-api';
import { areComparable } from '#shared/contracts/join-keys.ts';
import type { DuplicateKeys } from '#shared/contracts/join-preview.ts';
import type { Column, JoinResult, Note } from '#shared/contracts/shared-schemas.ts';
import type { LockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { TableSession } from '#shared/postgis/postgis.ts';
import { counted } from '#shared/text/amounts.ts';
import {
  COUNT_MATCHES,
  duplicatesSql,
  keysSql,
  SPATIAL_KEYS,
  SPATIAL_TABLE,
  TABULAR_KEYS,
  TABULAR_TABLE,
  unmatchedSql,
  type Value,
} from './join-sql.ts';

/** Keys that an error or a result lists. */
const SAMPLE_KEYS = 10;
/** Characters of a key that are listed. A key can be a long text. */
const SAMPLE_KEY_LENGTH = 100;
/** Keys of each side that a message shows. */
const KEYS_IN_MESSAGE = 3;

export interface Side {
  key: Value;
  rowCount: number;
}

/** Counts of COUNT_MATCHES. */
type MatchCount =
  | 'matched_rows'
  | 'matched_spatial_rows'
  | 'matched_tabular_rows'
  | 'unmatched_spatial'
  | 'unmatched_tabular'
  | 'spatial_rows'
  | 'tabular_rows';

/** The distinct keys of the table, and those that several rows have. A row without a key has none. */
export async function collectTabularKeys(session: TableSession, { key }: Side): Promise<DuplicateKeys> {
  await session.query(keysSql(session.tables, TABULAR_TABLE, key, TABULAR_KEYS));
  const duplicates = await session.query<{ key: string; rows: number; keys: number; most: number }>(
    duplicatesSql(SAMPLE_KEYS, SAMPLE_KEY_LENGTH),
  );
  return {
    count: duplicates[0]?.keys ?? 0,
    most_rows: duplicates[0]?.most ?? 1,
    sample: duplicates.map(({ key, rows }) => ({ key, rows })),
  };
}

/** The result of a join, and how many rows of each side have a match. */
export interface Matches {
  result: JoinResult;
  matchedRows: { spatial: number; tabular: number };
}

/** Counts matched rows and unmatched keys before the join, after collectTabularKeys. */
export async function countMatches(session: TableSession, spatial: Side, tabular: Side): Promise<Matches> {
  await session.query(keysSql(session.tables, SPATIAL_TABLE, spatial.key, SPATIAL_KEYS));
  const [counts] = await session.query<Record<MatchCount, number>>(COUNT_MATCHES);
  return {
    matchedRows: { spatial: counts?.matched_spatial_rows ?? 0, tabular: counts?.matched_tabular_rows ?? 0 },
    result: {
      matched_rows: counts?.matched_rows ?? 0,
      unmatched_spatial: await sampleUnmatched(session, counts?.unmatched_spatial, SPATIAL_KEYS, TABULAR_KEYS),
      unmatched_tabular: await sampleUnmatched(session, counts?.unmatched_tabular, TABULAR_KEYS, SPATIAL_KEYS),
      null_keys: {
        spatial: spatial.rowCount - (counts?.spatial_rows ?? 0),
        tabular: tabular.rowCount - (counts?.tabular_rows ?? 0),
      },
    },
  };
}

async function sampleUnmatched(
  session: TableSession,
  count: number | undefined,
  keys: string,
  otherKeys: string,
): Promise<{ count: number; sample: string[] }> {
  if (!count) return { count: 0, sample: [] };
  const rows = await session.query<{ key: string }>(unmatchedSql(keys, otherKeys, SAMPLE_KEYS, SAMPLE_KEY_LENGTH));
  return { count, sample: rows.map(({ key }) => key) };
}

/** JOIN_KEY_DUPLICATE for keys that several rows of the table have; undefined if there are none. */
export function duplicateKeys(
  { count, sample }: DuplicateKeys,
  { rightKey, tabularAsset }: { rightKey: string; tabularAsset: string },
): SluiceError | undefined {
  if (count === 0) return undefined;
  const listed = sample.map(({ key, rows }) => `${JSON.stringify(key)} (${rows} rows)`).join(', ');
  const values = `${counted(count, 'value')} of column ${JSON.stringify(rightKey)} ${count === 1 ? 'is' : 'are'}`;
  return new SluiceError(
    'JOIN_KEY_DUPLICATE',
    `${values} in several rows of ${tabularAsset}: ${listed}${count > sample.length ? ', …' : ''}. ` +
      'Keep one row for each value, or set metadata.join_config.allow_duplicate_keys to get one feature for each row.',
    { details: { right_key: rightKey, count, sample } },
  );
}

/** Notes for the asset about unmatched and missing keys. */
export function matchNotes(result: JoinResult, keys: { left: string; right: string }): Note[] {
  const { unmatched_spatial, unmatched_tabular, null_keys } = result;
  return [
    ...unmatchedNote(unmatched_spatial, keys.left, 'of the spatial asset', 'row in the table'),
    ...missingNote(null_keys?.spatial ?? 0, keys.left, 'feature', 'of the spatial asset'),
    ...unmatchedNote(unmatched_tabular, keys.right, 'of the table', 'feature'),
    ...missingNote(null_keys?.tabular ?? 0, keys.right, 'row', 'of the table'),
  ];
}

function unmatchedNote(
  { count, sample }: JoinResult['unmatched_spatial'],
  column: string,
  side: string,
  partner: string,
): Note[] {
  if (count === 0) return [];
  const listed = sample.map((key) => JSON.stringify(key)).join(', ');
  const message = `${counted(count, 'key')} ${side} ${count === 1 ? 'has' : 'have'} no ${partner}: ${listed}`;
  return [{ code: 'JOIN_KEYS_UNMATCHED', column, message: message + (count > sample.length ? ', …' : '.') }];
}

function missingNote(count: number, column: string, row: string, side: string): Note[] {
  if (count === 0) return [];
  const message =
    `${counted(count, row)} ${side} ${count === 1 ? 'has' : 'have'} no value in ${JSON.stringify(column)} ` +
    `and ${count === 1 ? 'matches' : 'match'} nothing.`;
  return [{ code: 'JOIN_KEYS_MISSING', column, message }];
}

/** A key column of a Parquet file. */
export interface KeyColumn {
  column: Column;
  /** Path of the Parquet file. */
  path: string;
}

/** Throws JOIN_KEY_TYPE_MISMATCH, with both types and the first values of both columns. */
export async function checkKeyTypes(
  database: LockedDatabase,
  left: KeyColumn,
  right: KeyColumn,
  signal: AbortSignal,
): Promise<void> {
  if (areComparable(left.column.type, right.column.type)) return;
  const [leftText, rightText] = [await describeKey(database, left, signal), await describeKey(database, right, signal)];
  throw new SluiceError(
    'JOIN_KEY_TYPE_MISMATCH',
    `left_key ${leftText}, but right_key ${rightText}. Values of these types cannot be compared exactly. ` +
      `Ingest the table again with metadata.tabular.columns${declaration(right.column.name, left.column.type)}.`,
    { details: { left_key: nameAndType(left), right_key: nameAndType(right) } },
  );
}

/** The types that a manifest can declare, for the types of spatial keys. */
const DECLARABLE: [type: RegExp, declared: string][] = [
  [/^(smallint|integer|bigint)$/, 'bigint'],
  [/^(real|double precision)$/, 'double'],
  [/^numeric/, 'decimal'],
  [/^(text|character)/, 'text'],
  [/^date$/, 'date'],
  [/^timestamp without/, 'timestamp'],
  [/^timestamp with /, 'timestamptz'],
];

/** The value of `columns` in a manifest that gives a column the type of the other key; empty if none does. */
function declaration(column: string, type: string): string {
  const declared = DECLARABLE.find(([pattern]) => pattern.test(type))?.[1];
  return declared === undefined ? '' : `: {${JSON.stringify(column)}: "${declared}"}`;
}

function nameAndType({ column: { name, type } }: KeyColumn): Column {
  return { name, type };
}

/** A key column with its type and first values: `"id" is text ("0123", "0124", …)`. */
async function describeKey(
  database: LockedDatabase,
  { column: { name, type }, path }: KeyColumn,
  signal: AbortSignal,
): Promise<string> {
  const key = quotedIdentifier(name);
  const rows = await database.query<{ value: string }>(
    `select left(${key}::varchar, ${SAMPLE_KEY_LENGTH}) as value from read_parquet(${quotedString(path)})
     where ${key} is not null limit ${KEYS_IN_MESSAGE}`,
    signal,
  );
  const values = rows.map(({ value }) => (type === 'text' ? JSON.stringify(value) : value));
  const examples = values.length === 0 ? '' : ` (${values.join(', ')}, …)`;
  return `${JSON.stringify(name)} is ${type}${examples}`;
}
