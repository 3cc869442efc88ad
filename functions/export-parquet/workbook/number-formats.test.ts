import { expect, test } from 'vitest';
import { kindOfFormat, MAX_NUMBER_FORMATS, plainNumberFormats } from './number-formats.ts';

test.each([
  ['yyyy-mm-dd h:mm:ss', 'timestamp'],
  ['dd/mm/yyyy h:mm', 'timestamp'],
  ['[$-409]m/d/yy h:mm AM/PM;@', 'timestamp'],
  ['yyyy\\-mm\\-dd\\Thh:mm:ss.000', 'timestamp'],
  ['d. m. yy', 'date'],
  ['mmm', 'date'],
  ['[$-F800]dddd, mmmm dd, yyyy', 'date'],
  ['yyyy"h"', 'date'],
  ['h:mm', 'time'],
  ['mm:ss.0', 'time'],
  ['h AM/PM', 'time'],
  ['[h]:mm:ss', 'number'],
  ['[hh]:mm', 'number'],
  ['0.0 "added"', 'number'],
  ['#,##0 "hh";[Red]-#,##0 "hh"', 'number'],
  ['General', 'number'],
  ['0.00E+00', 'number'],
  ['_-* #,##0.00\\ _d_-;@', 'number'],
  ['[Red]0', 'number'],
])('%j shows a %s', (format, kind) => expect(kindOfFormat(format)).toBe(kind));

test('only the number formats of the styles are replaced', () => {
  expect(
    plainNumberFormats(
      `<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy-mm-dd h:mm"/><numFmt formatCode='[>100]0 &quot;dd&quot;' numFmtId="165" /></numFmts><xf numFmtId="164"/>`,
    ),
  ).toBe(
    '<numFmts count="2"><numFmt numFmtId="164" formatCode="yyyy-mm-dd hh:mm:ss.000"/><numFmt formatCode="0.0" numFmtId="165" /></numFmts><xf numFmtId="164"/>',
  );
});

// With an expression that takes quadratic time, these texts take minutes.

test.each([
  ['elements that are not closed', '<numFmt '.repeat(2 ** 19)],
  ['an open quote', `<numFmt formatCode="h${"'<numFmt ".repeat(2 ** 19)}`],
  ['blanks', `<numFmt${' '.repeat(2 ** 22)}`],
])('styles of 4 MiB with %s are not changed', (_name, styles) => expect(plainNumberFormats(styles)).toBe(styles));

test('a format of 4 MiB of open brackets is a number', () => {
  expect(kindOfFormat('['.repeat(2 ** 22))).toBe('number');
  expect(kindOfFormat(`${';['.repeat(2 ** 21)}h`)).toBe('number');
});

test('styles with more formats than a workbook can have are not read', () => {
  const styles = (count: number) => '<numFmt formatCode="h"/>'.repeat(count);
  expect(plainNumberFormats(styles(MAX_NUMBER_FORMATS))).toHaveLength(MAX_NUMBER_FORMATS * 31);
  expect(plainNumberFormats(styles(MAX_NUMBER_FORMATS + 1))).toBeUndefined();
});
