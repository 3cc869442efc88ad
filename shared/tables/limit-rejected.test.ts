import { expect, test } from 'vitest';
import { checkRejected, rejectedNotes, totalRejected } from './limit-rejected.ts';
import { RejectedRows } from './row-writer.ts';

const rejectedRows = (count: number) => ({ count, sample: [{ line: 2, reason: 'has 1 value instead of 2' }] });

test.each([
  ['10 rows', 10, 20, undefined],
  ['half of few rows', 2, 2, undefined],
  ['1 % of the rows', 100, 9_900, undefined],
  ['the declared limit', 3, 0, 3],
])('%s may be rejected', (_, count, accepted, declared) => {
  expect(() => checkRejected(rejectedRows(count), accepted, declared, ['f.csv'])).not.toThrow();
});

test.each([
  ['11 rows', 11, 30, undefined, '11 of 41 rows of f.csv cannot be read; at most 10 may be rejected'],
  ['most of few rows', 3, 1, undefined, '3 of 4 rows of f.csv cannot be read; at most 2 may be rejected'],
  [
    'more than 1 % of the rows',
    101,
    9_899,
    undefined,
    '101 of 10000 rows of f.csv cannot be read; at most 100 may be rejected',
  ],
  [
    'all rows',
    1,
    0,
    undefined,
    '1 of 1 rows of f.csv cannot be read; no row is left: line 2 has 1 value instead of 2.',
  ],
  ['more rows than declared', 1, 9, 0, '1 of 10 rows of f.csv cannot be read; at most 0 may be rejected'],
])('%s must not be rejected', (_, count, accepted, declared, message) => {
  expect(() => checkRejected(rejectedRows(count), accepted, declared, ['f.csv'])).toThrow(
    expect.objectContaining({ code: 'ROWS_REJECTED', message: expect.stringContaining(message) as string }),
  );
});

test('with several files, the reasons name the file', () => {
  const [first, second] = [new RejectedRows(), new RejectedRows()];
  first.add({ line: 7, reason: 'holds a NUL character' });
  second.add({ line: 3, reason: 'opens a quote that is never closed' }, 5);
  expect(totalRejected([{ file: 'a.csv', rejected: first }])).toEqual({
    count: 1,
    sample: [{ line: 7, reason: 'holds a NUL character' }],
  });
  const files = [
    { file: 'a.csv', rejected: first },
    { file: 'b.csv', rejected: second },
  ];
  expect(totalRejected(files)).toEqual({
    count: 6,
    sample: [
      { line: 7, reason: '(a.csv) holds a NUL character' },
      { line: 3, reason: '(b.csv) opens a quote that is never closed' },
    ],
  });
});

test.each([
  ['opens a quote that is never closed', true],
  ['has text after a closing quote', true],
  ['has a value in quotes with 5 lines that look like rows', true],
  ['has "closing quote" in column "a" of type bigint', false],
])('the advice about quotes for a row that %s', (reason, isAboutQuotes) => {
  const rejected = { count: 2, sample: [{ line: 2, reason }] };
  const advice = 'If quotes have no meaning in the file, set `quotes` to false (--no-quotes).';
  const [note] = rejectedNotes(rejected);
  expect(note?.message.endsWith(advice)).toBe(isAboutQuotes);
  expect(() => checkRejected(rejected, 0, undefined, ['a.csv', 'b.csv'])).toThrow(
    `2 of 2 rows of 2 files cannot be read; no row is left: line 2 ${reason}.${isAboutQuotes ? ` ${advice}` : ''}`,
  );
});

test('the advice for decimal commas names the setting', () => {
  const advice = (value: string, type: string) =>
    rejectedNotes({ count: 1, sample: [{ line: 2, reason: `has "${value}" in column "lon" of type ${type}` }] })[0]
      ?.message;
  expect(advice('1,5', 'double precision')).toMatch(
    / If the comma separates decimals, set `decimal_separator` \(--decimal ,\)\.$/,
  );
  expect(advice('1,5', 'date')).toMatch(/ of type date\.$/);
  expect(advice('a,5', 'double precision')).toMatch(/ of type double precision\.$/);
});
