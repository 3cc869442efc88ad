import { expect, test } from 'vitest';
import { kindOfBuiltIn, kindOfFormat } from './number-formats.ts';

test.each([
  ['yyyy-mm-dd h:mm:ss', 'timestamp'],
  ['dd/mm/yyyy h:mm', 'timestamp'],
  ['[$-409]m/d/yy h:mm AM/PM;@', 'timestamp'],
  ['yyyy\\-mm\\-dd\\Thh:mm:ss.000', 'timestamp'],
  ['d. m. yy', 'date'],
  ['mmm', 'date'],
  ['[$-F800]dddd, mmmm dd, yyyy', 'date'],
  ['yyyy"h"', 'date'],
  ['[$-411]ggge"年"m"月"d"日"', 'date'],
  ['aaa', 'date'],
  ['h:mm', 'time'],
  ['mm:ss.0', 'time'],
  ['h AM/PM', 'time'],
  ['[h]:mm:ss', 'duration'],
  ['[hh]:mm', 'duration'],
  ['0.0 "added"', 'number'],
  ['#,##0 "hh";[Red]-#,##0 "hh"', 'number'],
  ['General', 'number'],
  ['0.00E+00', 'number'],
  ['_-* #,##0.00\\ _d_-;@', 'number'],
  ['[Red]0', 'number'],
])('%j shows a %s', (format, kind) => expect(kindOfFormat(format)).toBe(kind));

test('a format of 4 MiB of open brackets is a number', () => {
  expect(kindOfFormat('['.repeat(2 ** 22))).toBe('number');
  expect(kindOfFormat(`${';['.repeat(2 ** 21)}h`)).toBe('number');
});

test('built-in formats, including those of Chinese, Japanese and Korean', () => {
  const kinds = Map.groupBy(
    Array.from({ length: 60 }, (_, id) => id),
    kindOfBuiltIn,
  );
  expect(kinds.get('date')).toEqual([14, 15, 16, 17, 27, 28, 29, 30, 31, 34, 35, 36, ...range(50, 58)]);
  expect(kinds.get('time')).toEqual([18, 19, 20, 21, 32, 33, 45, 47]);
  expect(kinds.get('timestamp')).toEqual([22]);
  expect(kinds.get('duration')).toEqual([46]);
});

const range = (from: number, to: number) => Array.from({ length: to - from + 1 }, (_, at) => from + at);
