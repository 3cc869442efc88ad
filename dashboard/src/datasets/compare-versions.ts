import type { AssetDetailView } from '../../../shared/api/views.ts';

type Column = AssetDetailView['columns'][number];

/** A column that two versions have not in common, or with another type. */
export interface ColumnChange {
  name: string;
  /** The types of the column. Null where a version does not have it. */
  from: string | null;
  to: string | null;
}

/** The columns that differ, in the order of the newer version, then the removed ones. */
export function changedColumns(from: readonly Column[], to: readonly Column[]): ColumnChange[] {
  const types = new Map(from.map(({ name, type }) => [name, type]));
  const kept = new Set(to.map(({ name }) => name));
  const changed = to.flatMap(({ name, type }) =>
    types.get(name) === type ? [] : [{ name, from: types.get(name) ?? null, to: type }],
  );
  const removed = from.flatMap(({ name, type }) => (kept.has(name) ? [] : [{ name, from: type, to: null }]));
  return [...changed, ...removed];
}

/** The difference of two numbers with its sign; empty if one is unknown or they are equal. */
export function difference(from: number | null, to: number | null, text: (value: number) => string): string {
  if (from === null || to === null || from === to) return '';
  return `${to > from ? '+' : '−'}${text(Math.abs(to - from))}`;
}
