import { namesForColumns } from '#shared/postgis/column-names.ts';
import type { Note } from '#shared/contracts/facts.ts';
import { RESERVED_COLUMNS } from '#shared/postgis/run-schema.ts';

/** The names that columns get in `raw_data`: those of the source, and one rule for the few that can't stay. */

export interface Rename {
  from: string;
  to: string;
}

/**
 * Which staged columns get another name, by the rule of namesForColumns. `originals` are the names in the file, in the same order; without
 * them the staged names count as the file's.
 */
export function planColumns(
  staged: readonly string[],
  originals: readonly string[] | undefined,
  geometryColumn: string,
  file: string,
): { renames: Rename[]; names: string[]; notes: Note[] } {
  const sources = originals?.length === staged.length ? originals : staged;
  const { names, notes } = namesForColumns(sources, [...RESERVED_COLUMNS, geometryColumn], file);
  const renames = staged.flatMap((from, index) =>
    names[index] !== undefined && names[index] !== from ? [{ from, to: names[index] }] : [],
  );
  return { renames, names, notes };
}
