import type { Note } from '#shared/contracts/facts.ts';
import { asciiCaseless, unusedName } from '#shared/postgis/column-names.ts';

/** Names of columns in the file, in its order. */
export interface ColumnNames {
  names: string[];
  notes: Note[];
}

/**
 * Makes names distinct without regard to case, because many readers ignore it: a name that equals an earlier one gets
 * `_1`, `_2`, … and a note.
 */
export function distinctNames(wanted: string[]): ColumnNames {
  const taken = new Set<string>();
  const reserved = new Set(wanted.map(asciiCaseless));
  const result: ColumnNames = { names: [], notes: [] };
  for (const name of wanted) {
    const distinct = taken.has(asciiCaseless(name)) ? unusedName(name, reserved) : name;
    taken.add(asciiCaseless(distinct));
    reserved.add(asciiCaseless(distinct));
    result.names.push(distinct);
    if (distinct !== name)
      result.notes.push({
        code: 'COLUMN_RENAMED',
        message:
          `Column ${JSON.stringify(name)} was renamed to ${JSON.stringify(distinct)}: ` +
          'another name differs only in case.',
        column: distinct,
      });
  }
  return result;
}
