import { truncateToBytes } from '#shared/text/truncate.ts';
import type { Note } from '#shared/contracts/shared-schemas.ts';

/** PostgreSQL silently cuts longer identifiers, so two names could become equal. */
export const MAX_IDENTIFIER_BYTES = 63;
/** The system columns of every table of PostgreSQL, which rejects other columns with these names. */
export const SYSTEM_COLUMNS = ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'] as const;
/** Characters of a name that a note shows. */
const SHOWN_CHARACTERS = 200;

/**
 * Names for columns, in order. A name gets the suffix `_1`, `_2`, … when it is empty, longer than 63 bytes, reserved,
 * or equal to the name of an earlier column without regard to case. Each renamed column gets a note.
 */
export function namesForColumns(
  sources: readonly string[],
  reserved: readonly string[],
  file: string,
): { names: string[]; notes: Note[] } {
  const taken = new Set(reserved.map(caseless));
  const inSource = new Set(sources.map(caseless));
  const numbers = new Map<string, number>();
  const names = sources.map((source) => {
    const name = freeName(source, taken, inSource, numbers);
    taken.add(caseless(name));
    return name;
  });
  const notes = sources.flatMap((source, index) => {
    const name = names[index] ?? source;
    return name === source ? [] : [renameNote(source, name, file)];
  });
  return { names, notes };
}

function renameNote(source: string, name: string, file: string): Note {
  const shown = source.length > SHOWN_CHARACTERS ? `${source.slice(0, SHOWN_CHARACTERS)}…` : source;
  const reason = Buffer.byteLength(source) > MAX_IDENTIFIER_BYTES ? 'too long' : 'already used or reserved';
  return {
    code: 'COLUMN_RENAMED',
    column: name,
    file,
    message: `Column ${JSON.stringify(shown)} was renamed to ${JSON.stringify(name)}: its name is ${reason}.`,
  };
}

/** Bytes that a suffix leaves for the name, in a table of 9,999 columns. */
const STEM_BYTES = MAX_IDENTIFIER_BYTES - '_9999'.length;

/**
 * `numbers` has the last suffix for each beginning of names. Without it, the time would grow with the square of the
 * number of columns with the same name.
 */
function freeName(
  source: string,
  taken: ReadonlySet<string>,
  inSource: ReadonlySet<string>,
  numbers: Map<string, number>,
): string {
  const short = truncateToBytes(source, MAX_IDENTIFIER_BYTES);
  if (short === source && source !== '' && !taken.has(caseless(source))) return source;
  const stem = caseless(truncateToBytes(source, STEM_BYTES));
  for (let number = (numbers.get(stem) ?? 0) + 1; ; number++) {
    const suffix = `_${number}`;
    const name = truncateToBytes(source, MAX_IDENTIFIER_BYTES - suffix.length) + suffix;
    if (taken.has(caseless(name)) || inSource.has(caseless(name))) continue;
    numbers.set(stem, number);
    return name;
  }
}

function caseless(name: string): string {
  return name.toLowerCase();
}

/** A name for comparison as DuckDB and many readers compare names: without regard to the case of ASCII letters. */
export function asciiCaseless(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/**
 * `name`, or the first of `name_1`, `name_2`, … that is not in `names`, without regard to the case of ASCII letters.
 */
export function unusedName(name: string, names: Iterable<string>): string {
  const taken = new Set([...names].map(asciiCaseless));
  for (let number = 0; ; number++) {
    const candidate = number === 0 ? name : `${name}_${number}`;
    if (!taken.has(asciiCaseless(candidate))) return candidate;
  }
}
