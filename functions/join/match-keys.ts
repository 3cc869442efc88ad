import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { JoinResult, Note } from '#shared/contracts/facts.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
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

/** Keys that are shown of many. */
const SAMPLE_KEYS = 10;
/** Characters that are shown of a key; it may be a whole text. */
const SHOWN_CHARACTERS = 100;

export interface Side {
  key: Value;
  rowCount: number;
}

/**
 * Says what matches, before the join is made. `mostRows` is how many rows of the table have the most frequent key. A row without a key never
 * matches. Throws JOIN_KEY_DUPLICATE unless `allowDuplicates`.
 */
export async function matchKeys(
  session: PostgisSession,
  spatial: Side,
  tabular: Side,
  options: { allowDuplicates: boolean; rightKey: string; tabularAsset: string },
): Promise<{ result: JoinResult; mostRows: number }> {
  await session.query(keysSql(TABULAR_TABLE, tabular.key, TABULAR_KEYS));
  const duplicates = await session.query<{ key: string; rows: number; keys: number; most: number }>(
    duplicatesSql(SAMPLE_KEYS, SHOWN_CHARACTERS),
  );
  if (duplicates.length > 0 && !options.allowDuplicates) throw duplicateKeys(duplicates, options);
  await session.query(keysSql(SPATIAL_TABLE, spatial.key, SPATIAL_KEYS));
  const [counts] =
    await session.query<
      Record<'matched_rows' | 'unmatched_spatial' | 'unmatched_tabular' | 'spatial_rows' | 'tabular_rows', number>
    >(COUNT_MATCHES);
  const sample = async (count: number | undefined, keys: string, other: string) => {
    const rows = count
      ? await session.query<{ key: string }>(unmatchedSql(keys, other, SAMPLE_KEYS, SHOWN_CHARACTERS))
      : [];
    return { count: count ?? 0, sample: rows.map(({ key }) => key) };
  };
  return {
    mostRows: duplicates[0]?.most ?? 1,
    result: {
      matched_rows: counts?.matched_rows ?? 0,
      unmatched_spatial: await sample(counts?.unmatched_spatial, SPATIAL_KEYS, TABULAR_KEYS),
      unmatched_tabular: await sample(counts?.unmatched_tabular, TABULAR_KEYS, SPATIAL_KEYS),
      null_keys: {
        spatial: spatial.rowCount - (counts?.spatial_rows ?? 0),
        tabular: tabular.rowCount - (counts?.tabular_rows ?? 0),
      },
    },
  };
}

function duplicateKeys(
  duplicates: { key: string; rows: number; keys: number }[],
  { rightKey, tabularAsset }: { rightKey: string; tabularAsset: string },
): SluiceError {
  const keys = duplicates[0]?.keys ?? 0;
  const told = duplicates.map(({ key, rows }) => `${JSON.stringify(key)} (${rows} rows)`).join(', ');
  return new SluiceError(
    'JOIN_KEY_DUPLICATE',
    `${counted(keys, 'value')} of ${JSON.stringify(rightKey)} ${keys === 1 ? 'stands' : 'stand'} in several rows of ${tabularAsset}: ${told}${keys > duplicates.length ? ', …' : ''}. Keep one row for each, or allow duplicate keys to get a feature for each row.`,
    { details: { right_key: rightKey, count: keys, sample: duplicates.map(({ key, rows }) => ({ key, rows })) } },
  );
}

/** What a person should know of a join, for the asset. */
export function matchNotes(result: JoinResult, keys: { left: string; right: string }): Note[] {
  const sides = [
    {
      ...result.unmatched_spatial,
      nulls: result.null_keys?.spatial ?? 0,
      column: keys.left,
      rows: 'feature',
      of: 'the spatial asset',
      misses: 'row in the table',
    },
    {
      ...result.unmatched_tabular,
      nulls: result.null_keys?.tabular ?? 0,
      column: keys.right,
      rows: 'row',
      of: 'the table',
      misses: 'feature',
    },
  ];
  return sides.flatMap(({ count, sample, nulls, column, rows, of, misses }): Note[] => [
    ...(count === 0
      ? []
      : [
          {
            code: 'JOIN_KEYS_UNMATCHED',
            column,
            message: `${counted(count, 'key')} of ${of} ${count === 1 ? 'has' : 'have'} no ${misses}: ${sample.map((key) => JSON.stringify(key)).join(', ')}${count > sample.length ? ', …' : '.'}`,
          },
        ]),
    ...(nulls === 0
      ? []
      : [
          {
            code: 'JOIN_KEYS_MISSING',
            column,
            message: `${counted(nulls, rows)} of ${of} ${nulls === 1 ? 'has' : 'have'} no value in ${JSON.stringify(column)}, and so no partner.`,
          },
        ]),
  ]);
}

function counted(count: number, what: string): string {
  return `${count} ${what}${count === 1 ? '' : 's'}`;
}
