import type { Note } from '#shared/contracts/shared-schemas.ts';
import type { DeclaredDialect, Dialect } from './dialect.ts';
import { blankRowsSkipped, headerAbsent, headerAssumed, titlesSkipped } from './rules/table-notes.ts';
import type { LongValues } from './long-values.ts';
import type { DelimitedScanner } from './scan-delimited.ts';

/** More rows with a long value are how the file is written, not a wrong quote. */
const MAX_UNUSUAL_VALUES = 3;

/** What the user should know about how the rows of a delimited text were found. */
export function notesOfScan(
  dialect: Dialect,
  scanner: DelimitedScanner,
  declared: DeclaredDialect,
  file: string,
): Note[] {
  const { header, titles, firstLine } = dialect;
  const { blankRows, longValues } = scanner;
  const notes: Note[] = [];
  if (titles !== undefined) notes.push(titlesSkipped(file, titles.count, titles.line, titles.text));
  if (header === undefined && declared.header !== false) notes.push(headerAbsent(file, `line ${firstLine}`));
  if (header !== undefined && !dialect.isHeaderCertain) notes.push(headerAssumed(file, header, `line ${firstLine}`));
  if (dialect.stripBlanks) notes.push(blanksRemoved(file));
  if (blankRows.count > 0) notes.push(blankRowsSkipped(file, blankRows.count, blankRows.first));
  notes.push(...undetectedDelimiter(dialect, declared, file), ...valuesOfLines(file, longValues, declared.quotes));
  if (declared.quotes === false && hasQuotedValues(dialect)) notes.push(quotesKept(file));
  return notes;
}

/**
 * Characters that divide the lines of few files, and are parts of values in more: times, addresses, colors. They are
 * never detected as delimiters, because a column of such values would be divided.
 */
const RARE_DELIMITERS = ['~', '^', '#', ':'];

/** A note for a table of one column whose lines, with that of its name, have the same number of such a character. */
function undetectedDelimiter({ header, columns, sample }: Dialect, declared: DeclaredDialect, file: string): Note[] {
  if (declared.delimiter !== undefined || columns !== 1 || header === undefined || sample.length === 0) return [];
  const lines = [...header, ...sample.map(([value]) => value ?? '')];
  const delimiter = RARE_DELIMITERS.find((character) => {
    const counts = new Set(lines.map((line) => line.split(character).length));
    return counts.size === 1 && !counts.has(1);
  });
  if (delimiter === undefined) return [];
  return [
    {
      code: 'DELIMITER_NOT_DETECTED',
      file,
      message:
        `The table has one column, but each of its first lines has the same number of "${delimiter}". ` +
        `If they divide the values, set \`delimiter\` (--delimiter "${delimiter}").`,
    },
  ];
}

function blanksRemoved(file: string): Note {
  return {
    code: 'BLANKS_REMOVED',
    file,
    message: 'A space follows each delimiter. Spaces at the beginning of values were left out.',
  };
}

/** Notes about values that may contain rows, because a text begins with a quote. None when quotes are declared. */
function valuesOfLines(file: string, { rowLike, count, longest }: LongValues, quotes: boolean | undefined): Note[] {
  const isUnusual = count > 0 && count <= MAX_UNUSUAL_VALUES;
  if (quotes !== undefined || (rowLike.count === 0 && !isUnusual)) return [];
  const { line, breaks } = rowLike.count > 0 ? rowLike.first : longest;
  const breakCount = breaks === 1 ? '1 line break' : `${breaks} line breaks`;
  const others = rowLike.count > 1 ? ` Such rows: ${rowLike.count}.` : '';
  const problem = rowLike.count > 0 ? `, and each of its lines looks like a row.${others}` : '.';
  return [
    {
      code: 'VALUE_SPANS_LINES',
      file,
      message:
        `The row that begins on line ${line} has ${breakCount} in quotes${problem} ` +
        'If quotes have no meaning in the file, set `quotes` to false (--no-quotes); ' +
        'if the value is correct, set it to true (--quotes).',
    },
  ];
}

function hasQuotedValues({ sample, header }: Dialect): boolean {
  return [header ?? [], ...sample].some((row) => row.some((value) => value !== null && /^".*"$/s.test(value)));
}

function quotesKept(file: string): Note {
  return {
    code: 'QUOTES_KEPT',
    file,
    message:
      'Values begin and end with a quote, which is part of the value in this format. ' +
      'If the quotes are not part of the values, set `quotes` to true (--quotes).',
  };
}
