import type { Note } from '#shared/contracts/shared-schemas.ts';

/** The notes about how a table was read. They are the same for all formats of tables. */

/** How a message names a row of the file: a line of a text, a row of a sheet. */
export type RowWord = 'line' | 'row';

/** Characters of a text of the file in a message. */
const SHOWN_CHARACTERS = 60;
const SHOWN_NAMES = 5;

/** Text of the file in a message. */
export function shown(text: string): string {
  return JSON.stringify(text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text);
}

/** The text with a capital letter at its beginning. */
export function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** For a table without names, when the user did not declare it. `row` is the first one: `line 3`. */
export function headerAbsent(file: string, row: string): Note {
  return {
    code: 'HEADER_ABSENT',
    file,
    message:
      `${capitalized(row)} looks like data, so the columns were named column_1, column_2, …. ` +
      'If it holds the names of the columns, set `header` to true (--header).',
  };
}

/** For names that could also be data (FoundHeader.isCertain). `row` is theirs: `line 3`. */
export function headerAssumed(file: string, names: readonly string[], row: string): Note {
  const listed = names
    .slice(0, SHOWN_NAMES)
    .map((name) => shown(name.trim()))
    .join(', ');
  const more = names.length > SHOWN_NAMES ? ', …' : '';
  return {
    code: 'HEADER_ASSUMED',
    file,
    message:
      `${capitalized(row)} was read as the names of the columns: ${listed}${more}. ` +
      'If it is data, set `header` to false (--no-header).',
  };
}

/** For titles above the table that were skipped. `at` is the line or row of the first. */
export function titlesSkipped(file: string, count: number, at: number, text: string, word: RowWord = 'line'): Note {
  const lines = count === 1 ? `1 ${word}` : `${count} ${word}s`;
  return {
    code: 'TITLES_SKIPPED',
    file,
    message:
      `${lines} above the table with fewer values than columns ${count === 1 ? 'was' : 'were'} skipped, ` +
      `beginning with ${word} ${at}: ${shown(text)}. To read ${count === 1 ? 'it' : 'them'}, ` +
      'set `skip_lines` to 0 (--skip-lines 0).',
  };
}

/** For rows of which all cells are empty. Blank lines of a text are not counted. */
export function blankRowsSkipped(file: string, count: number, first: number, word: RowWord = 'line'): Note {
  return {
    code: 'BLANK_ROWS_SKIPPED',
    file,
    message:
      `${count === 1 ? '1 row' : `${count} rows`} without any value ${count === 1 ? 'was' : 'were'} skipped; ` +
      `the first is ${word} ${first}.`,
  };
}
