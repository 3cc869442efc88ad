import { expect, test } from 'vitest';
import type { Notation } from './infer/notation.ts';
import { notesOfSample } from './sample-notes.ts';

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
  [['1', '2', '3', '4', 'm'], '1 of its first 5 values is no number, such as "m"'],
  [['1', '2', '3', '4', '-'], 'set `null_values` (--null "-")'],
])('a column of %j is text, with advice', (values, advice) => {
  expect(messageFor(values)).toMatch(/^Column "v" is text: /);
  expect(messageFor(values)).toContain(advice);
});

test('a column of texts has no note', () => {
  expect(messageFor(['a', 'b', '1'])).toBeUndefined();
  expect(messageFor(['007', '008'])).toBeUndefined();
  expect(messageFor([''])).toBeUndefined();
  expect(messageFor(['31.12.2023'], { decimal: '.', date: 'MM/DD/YYYY' })).toBeUndefined();
});
