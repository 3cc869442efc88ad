import type { JoinSourceDetailView } from '../../../shared/api/views.ts';

/** A column that can be a key. Keys with the same family can be compared. */
export type Key = JoinSourceDetailView['keys'][number];

/** Floats are seldom keys, because equal values can differ in their last digit. */
const UNLIKELY_FAMILY = 'float';

/** The keys of both sides: those that the user chose, or else those with the most similar names. */
export function keysOf(
  features: readonly Key[],
  table: readonly Key[],
  chosen: { feature_key: string; table_key: string },
): { feature: Key | undefined; table: Key | undefined } {
  const feature = features.find(({ name }) => name === chosen.feature_key);
  const row = table.find(({ name }) => name === chosen.table_key);
  if (feature !== undefined) return { feature, table: row ?? mostSimilar(feature, table) };
  if (row !== undefined) return { feature: mostSimilar(row, features), table: row };
  for (const isSimilar of [isEqual, isAlmostEqual])
    for (const each of features) {
      const found = table.find((other) => isLikely(each, other) && isSimilar(each, other));
      if (found !== undefined) return { feature: each, table: found };
    }
  return { feature: undefined, table: undefined };
}

function mostSimilar(key: Key, others: readonly Key[]): Key | undefined {
  const comparable = others.filter(({ family }) => family === key.family);
  return comparable.find((other) => isEqual(key, other)) ?? comparable.find((other) => isAlmostEqual(key, other));
}

function isLikely(left: Key, right: Key): boolean {
  return left.family === right.family && left.family !== UNLIKELY_FAMILY;
}

function isEqual(left: Key, right: Key): boolean {
  return left.name === right.name;
}

/** Without regard to case and punctuation: `LAND_NR` and `Land-Nr`. */
function isAlmostEqual(left: Key, right: Key): boolean {
  const letters = lettersOf(left.name);
  return letters !== '' && letters === lettersOf(right.name);
}

function lettersOf(name: string): string {
  return name
    .normalize('NFC')
    .toLowerCase()
    .replaceAll(/[^\p{L}\p{N}]+/gu, '');
}

/** The longest id of a dataset. */
const MAX_DATASET_ID = 100;

/** A name for the joined dataset, which the user can change. */
export function proposeDataset(features: string, table: string): string {
  const name = [...`${features}-${table}`].slice(0, MAX_DATASET_ID).join('');
  return name.replace(/[._-]$/, '');
}
