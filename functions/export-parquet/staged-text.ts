/**
 * The form in which rows lie in the scratch folder between the scanner and DuckDB: the number of the line, then the values, separated by a
 * character that text does not have, one row a line, no quotes. DuckDB can cut such a file anywhere and never misreads it; with quotes it
 * can take a line break in a value for the end of a row. An empty value is null; what has a meaning here is written with an escape.
 */
export const SEPARATOR = 0x1f;
export const ESCAPE = 0x1a;

/** What stands after the escape, and for what. The escape itself comes last: taken back in this order, no text is taken for another. */
export const ESCAPED = [
  { mark: 'n', stands: '\n' },
  { mark: 'r', stands: '\r' },
  { mark: 'u', stands: '\u001f' },
  { mark: 'e', stands: '' },
  { mark: 'z', stands: '\u001a' },
] as const;

/** The value of a staged field; null for an empty one. */
export function unescaped(field: string): string | null {
  if (field === '') return null;
  return field.includes('\u001a')
    ? field.replaceAll(
        /\u001a([a-z])/g,
        (_, mark: string) => ESCAPED.find((escaped) => escaped.mark === mark)?.stands ?? '',
      )
    : field;
}

/** Rows of staged text, without their line numbers. */
export function stagedRows(text: string): (string | null)[][] {
  return text
    .split('\n')
    .slice(0, -1)
    .map((row) => row.split('\u001f').slice(1).map(unescaped));
}
