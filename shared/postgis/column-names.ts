import type { Note } from '#shared/contracts/facts.ts';

/** The one rule by which a column that cannot keep its name gets another one. */

/** PostgreSQL cuts longer names off without an error, so that two could become one. */
export const MAX_IDENTIFIER_BYTES = 63;

/**
 * Names for columns, in order: a name that is taken (reserved or, apart from case, that of an earlier column), empty, or longer than 63 bytes
 * gets `_1`, `_2`, …; each such change is a note.
 */
export function namesForColumns(
  sources: readonly string[],
  reserved: readonly string[],
  file: string,
): { names: string[]; notes: Note[] } {
  const taken = new Set(reserved.map(caseless));
  const inSource = new Set(sources.map(caseless));
  const names = sources.map((source) => {
    const name = freeName(source, taken, inSource);
    taken.add(caseless(name));
    return name;
  });
  const notes = sources.flatMap((source, index) => {
    const name = names[index] ?? source;
    return name === source
      ? []
      : [
          {
            code: 'COLUMN_RENAMED',
            column: name,
            file,
            message: `Column ${JSON.stringify(source)} is called ${JSON.stringify(name)}, because its name is ${Buffer.byteLength(source) > MAX_IDENTIFIER_BYTES ? 'too long' : 'taken'}.`,
          },
        ];
  });
  return { names, notes };
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
