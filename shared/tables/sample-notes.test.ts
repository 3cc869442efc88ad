import { expect, test } from 'vitest';
import type { Notation } from './infer/notation.ts';
import { notesOfNotation, notesOfSample } from './sample-notes.ts';

const COLUMN = { name: 'v', position: 0, candidates: [], escaped: false };

function messageFor(values: string[], notation: Notation = { decimal: '.' }): string | undefined {
  const sample = values.map((value) => [value]);
  return notesOfSample([COLUMN], sample, notation, 'a.csv')[0]?.message;
}

test.each([
  [['31.12.2023', '1.1.2024'], '--date-format DD.MM.YYYY'],
  [['12/31/2023', '1/2/2024'], '--date-format MM/DD/YYYY'],
  [['31/12/2023', '1/2/2024'], '--date-format DD/MM/YYYY'],
  [['1/2/2024'], '--date-format DD/MM/YYYY or MM/DD/YYYY'],
  [['1,5', '22,75', '3'], '--decimal ,'],
  [['1,234', '12,345,678'], '--thousands ","'],
  [['1.234', '12.345.678'], '--thousands "."'],
  [['1 234', '567'], '--thousands " "'],
  [["1'234.5", '7'], `--thousands "'"`],
  [['12.5 %', '7 %'], '--percent'],
  [['1', '2', '3', '4', 'm'], '1 of its first 5 values is not a number, such as "m"'],
  [['1', '2', '3', '4', '-'], 'set `null_values` (--null "-")'],
  [
    ['1', '2', '3', 'Total'],
    'such as "Total". Correct it, leave out lines that are not data (metadata.tabular.skip_lines, ' +
      'metadata.tabular.comment), or declare the type with metadata.tabular.columns.',
  ],
  [['true', 'FALSE', 'maybe'], '1 of its first 3 values is not a boolean, such as "maybe"'],
  [['2024-01-31', '2024-02-01', 'soon'], '1 of its first 3 values is not a date, such as "soon"'],
  [['1.234,5', '7,5', '2.000'], 'set `thousands_separator` (--thousands ".") and `decimal_separator` (--decimal ,)'],
  [
    ['2024-01-31', '2024-02-01 10:00'],
    '"2024-01-31" is a date, and "2024-02-01 10:00" has a time. ' +
      'To read all of them as times, declare the type with metadata.tabular.columns: {"v": "timestamp"}.',
  ],
  [
    ['2024-02-01 10:00', '2024-02-01T10:00Z'],
    '"2024-02-01T10:00Z" is a time with a time zone, and "2024-02-01 10:00" has none. ' +
      'To read all of them as times in UTC, declare the type with metadata.tabular.columns: {"v": "timestamptz"}.',
  ],
])('a column of %j is text, with advice', (values, advice) => {
  expect(messageFor(values)).toMatch(/^Column "v" is text: /);
  expect(messageFor(values)).toContain(advice);
});

test.each<[string[], Notation, string]>([
  [['1.5', '2.5'], { decimal: ',' }, '"1.5" have a decimal point, but `decimal_separator` is ","'],
  [['1,5', '2,5', '1.234'], { decimal: ',' }, 'set `thousands_separator` (--thousands ".").'],
  [
    ['1,234', '2', '12,34'],
    { decimal: '.', thousands: ',' },
    '1 of its first 3 values is not a number, such as "12,34"',
  ],
  [['31.12.2023', '1.1.2024', 'x'], { decimal: '.', date: 'DD.MM.YYYY' }, '1 of its first 3 values is not a date'],
  [['12 %', '13 %', 'n/a'], { decimal: '.', percent: true }, 'set `null_values` (--null "n/a")'],
])('a column of %j with the notation %j is text, with advice', (values, notation, advice) => {
  expect(messageFor(values, notation)).toContain(advice);
});

test.each<[string[], Notation, string[]]>([
  [['2024-01-31'], { decimal: '.', date: 'DD.MM.YYYY' }, ['written as DD.MM.YYYY, the declared `date_format`']],
  [['31.12.2023', ''], { decimal: '.', date: 'DD.MM.YYYY' }, []],
  [['5'], { decimal: '.', percent: true }, ['a number with %, which `percent` (--percent) declares']],
  [['5', '6 %'], { decimal: '.', percent: true }, []],
])('values %j do not have the notation %j: %j', (values, notation, messages) => {
  const sample = values.map((value) => ['a', value]);
  const notes = notesOfNotation(sample, notation, 'a.csv');
  expect(notes.map(({ code }) => code)).toEqual(messages.map(() => 'SETTING_WITHOUT_EFFECT'));
  for (const [index, message] of messages.entries())
    expect(notes[index]?.message).toContain(`No value at the beginning of the file is ${message}`);
});

test('a column of texts has no note', () => {
  expect(messageFor(['a', 'b', '1'])).toBeUndefined();
  expect(messageFor(['007', '008'])).toBeUndefined();
  expect(messageFor([''])).toBeUndefined();
  expect(messageFor(['31.12.2023'], { decimal: '.', date: 'MM/DD/YYYY' })).toBeUndefined();
});
