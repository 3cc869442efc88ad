import { expect, test } from 'vitest';
import { type DeclaredDialect, detectDialect, type Dialect } from './dialect.ts';
import { DelimitedScanner } from './scan-delimited.ts';
import { notesOfScan } from './scan-notes.ts';

function notesOf(text: string, declared: DeclaredDialect = {}) {
  const bytes = Buffer.from(text);
  const dialect = detectDialect({ bytes, isWhole: true, firstLine: 1 }, declared) as Dialect;
  const scanner = new DelimitedScanner({ ...dialect, firstLine: 1, nullValues: [], quotes: declared.quotes });
  scanner.push(bytes);
  scanner.end();
  return notesOfScan(dialect, scanner, declared, 'f.csv');
}

const spans = (message: string) => ({
  code: 'VALUE_SPANS_LINES',
  file: 'f.csv',
  message:
    `The row that begins on line ${message} If quotes have no meaning in the file, set \`quotes\` to false ` +
    '(--no-quotes); if the value is correct, set it to true (--quotes).',
});

test.each([
  ['one row', 'id,n\n1,"open\n2,b"\n3,c\n', '2 has 1 line break in quotes, and each of its lines looks like a row.'],
  [
    'a few rows',
    'id,n,v\n1,a,5\n2,"open,5\n3,b,6\n4,c",7\n5,d,8\n',
    '3 has 2 line breaks in quotes, and each of its lines looks like a row.',
  ],
  [
    'rows at two places',
    'id,n,v\n1,"a,5\n2,b",6\n3,"a,5\n4,b",6\n5,d,8\n',
    '2 has 1 line break in quotes, and each of its lines looks like a row. Such rows: 2.',
  ],
  ['a long text', `id,n\n1,"${'x\n'.repeat(10)}"\n2,b\n`, '2 has 10 line breaks in quotes.'],
])('a value in quotes that may hold %s is noted', (_, text, message) => {
  expect(notesOf(text)).toContainEqual(spans(message));
  expect(notesOf(text, { quotes: true }).map(({ code }) => code)).not.toContain('VALUE_SPANS_LINES');
});

test('values with line breaks that do not look like rows, or are rejected, are not noted', () => {
  const rejected = 'id,n\n1,"open\n2,b\n3,"c\n4,d\n5,e\n6,f\n';
  expect(notesOf(rejected).map(({ code }) => code)).not.toContain('VALUE_SPANS_LINES');
  const address = '1,"1 Main St, Apt 2\nSpringfield, IL\nUSA",5\n2,"x",6\n';
  expect(notesOf(`id,address,value\n${address}`).map(({ code }) => code)).not.toContain('VALUE_SPANS_LINES');
  const one = 'text\n"two\nlines"\nx\n';
  expect(notesOf(one).map(({ code }) => code)).not.toContain('VALUE_SPANS_LINES');
});

test.each(['~', '^', '#', ':'])('a table of one column that %s may divide is noted', (delimiter) => {
  const text = ['id,name,v', '1,a b,1.5', '2,c,2'].join('\n').replaceAll(',', delimiter);
  expect(notesOf(text)).toContainEqual({
    code: 'DELIMITER_NOT_DETECTED',
    file: 'f.csv',
    message:
      `The table has one column, but each of its first lines has the same number of "${delimiter}". ` +
      `If they divide the values, set \`delimiter\` (--delimiter "${delimiter}").`,
  });
  expect(notesOf(text, { delimiter }).map(({ code }) => code)).not.toContain('DELIMITER_NOT_DETECTED');
});

test.each([
  ['times', 'time\n10:30:00\n11:45:10\n'],
  ['addresses', 'url\nhttp://a\nhttp://b\n'],
  ['colors', 'color\n#aabbcc\n#000000\n'],
  ['lines with another number', 'a~b\n1~2~3\n4~5\n'],
])('a column of %s is not divided, and not noted', (_, text) => {
  const bytes = Buffer.from(text);
  expect(detectDialect({ bytes, isWhole: true, firstLine: 1 }, {})?.columns).toBe(1);
  expect(notesOf(text).map(({ code }) => code)).not.toContain('DELIMITER_NOT_DETECTED');
});
