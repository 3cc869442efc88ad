import type { Note } from '#shared/events/types.ts';
import { KEY_COLUMN } from '#shared/postgis/tables.ts';
import { MAX_IDENTIFIER_BYTES } from './plan-load.ts';

/** The names that columns get in `raw_data`: those of the source, and one rule for the few that can't stay. */

export interface Rename {
  from: string;
  to: string;
}

/** PostgreSQL's own columns, and the covering column that GeoParquet adds beside the geometry. */
const RESERVED = ['bbox', KEY_COLUMN, 'tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'];

/**
 * Which staged columns get another name. A name that is taken (by the geometry column, a reserved name, or, apart from case, an earlier column) or
 * longer than 63 bytes gets `_1`, `_2`, …; each such change is a note. `originals` are the names in the file, in the same order; without
 * them the staged names count as the file's.
 */
export function planColumns(staged: readonly string[], originals: readonly string[] | undefined, geometryColumn: string, file: string): { renames: Rename[]; names: string[]; notes: Note[] } {
  const sources = originals?.length === staged.length ? originals : staged;
  const taken = new Set([...RESERVED, geometryColumn].map(caseless));
  const inSource = new Set(sources.map(caseless));
  const names = sources.map((source) => {
    const name = freeName(source, taken, inSource);
    taken.add(caseless(name));
    return name;
  });
  const renames = staged.flatMap((from, index) => (names[index] !== undefined && names[index] !== from ? [{ from, to: names[index] }] : []));
  const notes = sources.flatMap((source, index) => {
    const name = names[index] ?? source;
    return name === source ? [] : [{ code: 'COLUMN_RENAMED', column: name, file, message: `Column ${JSON.stringify(source)} is called ${JSON.stringify(name)}, because its name is ${Buffer.byteLength(source) > MAX_IDENTIFIER_BYTES ? 'too long' : 'taken'}.` }];
  });
  return { renames, names, notes };
}

function freeName(source: string, taken: ReadonlySet<string>, inSource: ReadonlySet<string>): string {
  const short = cutTo(source, MAX_IDENTIFIER_BYTES);
  if (short === source && source !== '' && !taken.has(caseless(source))) return source;
  for (let number = 1; ; number++) {
    const suffix = `_${number}`;
    const name = cutTo(source, MAX_IDENTIFIER_BYTES - suffix.length) + suffix;
    if (!taken.has(caseless(name)) && !inSource.has(caseless(name))) return name;
  }
}

/** The longest beginning that has at most `bytes` bytes of UTF-8, without half a character. */
function cutTo(text: string, bytes: number): string {
  let cut = '';
  let length = 0;
  for (const character of text) {
    length += Buffer.byteLength(character);
    if (length > bytes) return cut;
    cut += character;
  }
  return cut;
}

function caseless(name: string): string {
  return name.toLowerCase();
}
