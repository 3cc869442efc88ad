import type { Note } from '#shared/contracts/facts.ts';
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
  notes.push(...valuesOfLines(file, longValues, declared.quotes));
  if (declared.quotes === false && hasQuotedValues(dialect)) notes.push(quotesKept(file));
  return notes;
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
