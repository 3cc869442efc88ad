import type { Note } from '#shared/contracts/facts.ts';

/** Names of columns as the file has them, given in the order of the file. */
export interface ColumnNames {
  /** In the same order; a name that differs from an earlier one only in case gets `_1`, `_2`, … */
  names: string[];
  notes: Note[];
}

/** DuckDB, like many readers, takes names that differ in the case of ASCII letters for the same. */
const key = (name: string): string => name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());

/** Makes names distinct without regard to case; says of each that had to change what it was. */
export function distinctNames(wanted: string[]): ColumnNames {
  const taken = new Set<string>();
  const reserved = new Set(wanted.map(key));
  const result: ColumnNames = { names: [], notes: [] };
  for (const name of wanted) {
    const distinct = taken.has(key(name)) ? unusedName(name, reserved) : name;
    taken.add(key(distinct));
    reserved.add(key(distinct));
    result.names.push(distinct);
    if (distinct !== name)
      result.notes.push({
        code: 'COLUMN_RENAMED',
        message: `Column ${name} is called ${distinct}: another name differs from it only in case.`,
        column: distinct,
      });
  }
  return result;
}

/** `name`, or `name_1`, `name_2`, … that none of the names is. */
export function unusedName(name: string, names: Iterable<string>): string {
  const taken = new Set([...names].map(key));
  for (let n = 0; ; n++) {
    const candidate = n === 0 ? name : `${name}_${n}`;
    if (!taken.has(key(candidate))) return candidate;
  }
}
