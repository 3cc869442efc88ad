/**
 * The tokens of an SQL statement by SQLite's rules: blank or comment, quoted text, word, other character. The text is
 * read once, from left to right, so the time is linear. A quoted text or comment without an end extends to the end of
 * the text. SQLite treats a byte order mark as a blank.
 */

const BLANKS = /[\t-\r \ufeff]+/y;
const WORD = /[\w$\u0080-\u{10ffff}]+/uy;
/** Within quoted text, two of these characters in a row denote one. Text in brackets has no such notation. */
const QUOTES = '"\'`';

/** Yields words, texts without their quotes, and signs, in lower case. Blanks and comments are skipped. */
export function* tokensOf(sql: string): Generator<string> {
  for (let at = 0; at < sql.length;) {
    const blank = endOfBlank(sql, at);
    if (blank > at) {
      at = blank;
      continue;
    }
    const quote = sql[at] ?? '';
    const isQuoted = quote === '[' || QUOTES.includes(quote);
    const end = isQuoted ? endOfQuoted(sql, at, quote) : (endOfMatch(WORD, sql, at) ?? at + 1);
    yield (isQuoted ? sql.slice(at + 1, end - 1) : sql.slice(at, end)).toLowerCase();
    at = end;
  }
}

/** The end of the blanks or the comment at `at`; `at` when there is none. */
function endOfBlank(sql: string, at: number): number {
  if (sql.startsWith('--', at)) return indexAfter(sql, '\n', at);
  if (sql.startsWith('/*', at)) return indexAfter(sql, '*/', at + 2);
  return endOfMatch(BLANKS, sql, at) ?? at;
}

function endOfQuoted(sql: string, start: number, quote: string): number {
  if (quote === '[') return indexAfter(sql, ']', start);
  let end = indexAfter(sql, quote, start + 1);
  while (sql[end] === quote) end = indexAfter(sql, quote, end + 1);
  return end;
}

/** The index after the next `mark`; the length of the text without one. */
function indexAfter(sql: string, mark: string, from: number): number {
  const index = sql.indexOf(mark, from);
  return index < 0 ? sql.length : index + mark.length;
}

/** The end of the match of a sticky pattern at `at`. */
function endOfMatch(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
