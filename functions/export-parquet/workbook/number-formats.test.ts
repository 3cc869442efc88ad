import { expect, test } from 'vitest';
import { kindOfFormat, plainNumberFormats } from './number-formats.ts';

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
