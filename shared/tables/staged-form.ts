/**
 * The form in which the scanners write rows into the scratch folder for DuckDB. Each line holds one row: the line
 * number of the row, then its values, separated by U+001F and never quoted. DuckDB splits a file into parts that it
 * parses in parallel; without quotes it cannot mistake a line break in a value for the end of a row. An empty field is
 * null. Characters that have a meaning in this form, and texts that are empty, are written as U+001A and a letter.
 */
export const SEPARATOR = 0x1f;
export const ESCAPE = 0x1a;
export const SEPARATOR_TEXT = String.fromCharCode(SEPARATOR);
export const ESCAPE_TEXT = String.fromCharCode(ESCAPE);

/**
 * The letters after the escape, and the text that each replaces. The escape itself is last: reverted in this order,
 * none is ambiguous.
 */
export const ESCAPED = [
  { letter: 'n', text: '\n' },
  { letter: 'r', text: '\r' },
  { letter: 'u', text: SEPARATOR_TEXT },
  { letter: 'e', text: '' },
  { letter: 'z', text: ESCAPE_TEXT },
] as const;

/** Their character codes, which the scanner writes. */
export const LETTER = {
  lineFeed: 'n'.charCodeAt(0),
  carriageReturn: 'r'.charCodeAt(0),
  separator: 'u'.charCodeAt(0),
  empty: 'e'.charCodeAt(0),
  escape: 'z'.charCodeAt(0),
};

const ESCAPE_SEQUENCE = new RegExp(`${ESCAPE_TEXT}([a-z])`, 'g');

/** The value of a staged field; null for an empty field. */
function unescaped(field: string): string | null {
  if (field === '') return null;
  if (!field.includes(ESCAPE_TEXT)) return field;
  return field.replaceAll(
    ESCAPE_SEQUENCE,
    (_, letter: string) => ESCAPED.find((escaped) => escaped.letter === letter)?.text ?? '',
  );
}

/** The values of staged rows, with the line of each row. */
export function parseStagedRows(staged: string): { line: number; values: (string | null)[] }[] {
  return staged
    .split('\n')
    .slice(0, -1)
    .map((row) => {
      const [line, ...values] = row.split(SEPARATOR_TEXT);
      return { line: Number(line), values: values.map(unescaped) };
    });
}
