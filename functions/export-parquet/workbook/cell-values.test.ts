import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isoDurationValue, isoValue, numberText, serialValue } from './cell-values.ts';

test.each([
  ['0', '0'],
  ['-12', '-12'],
  ['1.50', '1.5'],
  ['1E3', '1000'],
  ['0.1', '0.1'],
  ['0.10000000000000001', '0.1'],
  ['0.30000000000000004', '0.30000000000000004'],
  ['.5', '0.5'],
  ['-0', '-0'],
  ['1E20', '1e+20'],
  ['1.2345678901234567E18', '1.2345678901234568e+18'],
  ['12345678901234567', '12345678901234567'],
  ['00012345678901234567', '12345678901234567'],
  ['100000000000000000000', '1e+20'],
  ['123456789012345678901', '123456789012345678901'],
  ['5e-324', '5e-324'],
  ['1e400', undefined],
  ['0x10', undefined],
  ['1,5', undefined],
  ['NaN', undefined],
  ['Infinity', undefined],
  ['', undefined],
])('the number %j is written %j', (written, text) => expect(numberText(written)).toBe(text));

test('every double keeps its bits', () => {
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (double) => {
      for (const written of [String(double), double.toExponential(), double.toPrecision(17)])
        expect(Object.is(Number(numberText(written)), double === 0 && !written.startsWith('-') ? 0 : double)).toBe(
          true,
        );
    }),
  );
});

test.each([
  [1, 'date', 'date', '1900-01-01'],
  [59, 'date', 'date', '1900-02-28'],
  [60, 'date', 'text', '1900-02-29'],
  [60.5, 'timestamp', 'text', '1900-02-29T12:00:00'],
  [61, 'date', 'date', '1900-03-01'],
  [0, 'date', 'text', '1900-01-00'],
  [-1, 'date', 'date', '1899-12-29'],
  [45322, 'date', 'date', '2024-01-31'],
  [45322, 'timestamp', 'timestamp', '2024-01-31T00:00:00'],
  [45322.5, 'date', 'timestamp', '2024-01-31T12:00:00'],
  [45322.52100694444, 'timestamp', 'timestamp', '2024-01-31T12:30:15'],
  [45322.521009837961, 'timestamp', 'timestamp', '2024-01-31T12:30:15.250'],
  [45322.999999999, 'timestamp', 'timestamp', '2024-02-01T00:00:00'],
  [2958465, 'date', 'date', '9999-12-31'],
  [0.25, 'time', 'time', '06:00:00'],
  [0, 'time', 'time', '00:00:00'],
  [0.25, 'date', 'time', '06:00:00'],
  [1.25, 'time', 'timestamp', '1900-01-01T06:00:00'],
  [1.25, 'duration', 'time', '30:00:00'],
  [-0.5, 'duration', 'time', '-12:00:00'],
  [0.354166666666667, 'duration', 'time', '08:30:00'],
] as const)('%d with a format of %s is the %s %s', (serial, format, kind, text) =>
  expect(serialValue(serial, format, false)).toEqual({ kind, text }),
);

test.each([2958466, 1e300, -1e9])('%d is not a date', (serial) =>
  expect(serialValue(serial, 'date', false)).toBeUndefined(),
);

test.each([
  [0, 'date', 'date', '1904-01-01'],
  [60, 'date', 'date', '1904-03-01'],
  [0.25, 'timestamp', 'timestamp', '1904-01-01T06:00:00'],
  [0.25, 'time', 'time', '06:00:00'],
  [40909, 'date', 'date', '2016-01-02'],
] as const)('since 1904, %d with a format of %s is the %s %s', (serial, format, kind, text) =>
  expect(serialValue(serial, format, true)).toEqual({ kind, text }),
);

test.each([
  ['2024-01-31', undefined, 'date', '2024-01-31'],
  ['2024-01-31T00:00:00', 'date', 'date', '2024-01-31'],
  ['2024-01-31T00:00:00', undefined, 'timestamp', '2024-01-31T00:00:00'],
  ['2024-01-31T10:00', undefined, 'timestamp', '2024-01-31T10:00:00'],
  ['2024-01-31T10:00:30.500000000', undefined, 'timestamp', '2024-01-31T10:00:30.500'],
  ['2024-12-31T23:59:59.9999', undefined, 'timestamp', '2025-01-01T00:00:00'],
  ['10:00:30', undefined, 'time', '10:00:30'],
  ['2023-02-30', undefined, 'text', '2023-02-30'],
  ['0000-01-01', undefined, 'text', '0000-01-01'],
  ['2024-01-31T25:00:00', undefined, 'text', '2024-01-31T25:00:00'],
  ['2024-01-31T', undefined, 'text', '2024-01-31T'],
  ['2024-01-31T10:00:00+02:00', undefined, 'text', '2024-01-31T10:00:00+02:00'],
  ['', undefined, 'text', ''],
] as const)('%j of ISO 8601 is a value', (written, format, kind, text) =>
  expect(isoValue(written, format)).toEqual({ kind, text }),
);

test.each([
  ['PT12H30M15S', 'time', '12:30:15'],
  ['PT36H15M00S', 'time', '36:15:00'],
  ['PT00H00M01.500000000S', 'time', '00:00:01.500'],
  ['-PT1H', 'time', '-01:00:00'],
  ['P1DT1H', 'time', '25:00:00'],
  ['P1Y', 'text', 'P1Y'],
  ['12:30', 'text', '12:30'],
] as const)('the duration %s is the %s %s', (written, kind, text) =>
  expect(isoDurationValue(written)).toEqual({ kind, text }),
);
