import { expect, test } from 'vitest';
import { DataTimeParametersSchema, dataTimeOf } from './manifest.ts';

test.each([
  [{ start: '2024-05-31' }, '2024-05-31T00:00:00.000Z', '2024-05-31T23:59:59.000Z'],
  [{ start: '2024-05-31T12:00:00+02:00' }, '2024-05-31T10:00:00.000Z', '2024-05-31T10:00:00.000Z'],
  [{ start: '2024-01-01', end: '2024-12-31' }, '2024-01-01T00:00:00.000Z', '2024-12-31T23:59:59.000Z'],
])('reads the time %j', (given, start, end) => {
  expect(dataTimeOf(DataTimeParametersSchema.parse(given))).toEqual({ start, end, source: 'manifest' });
});

test.each([
  [{ start: '2024-02-30' }, 'must be a date such as 2024-05-31'],
  [{ start: '2024-05-31T12:00:00' }, 'a time with its offset from UTC'],
  [{ start: '2024' }, 'must be a date'],
  [{ start: '2024-05-31', end: '2024-05-30' }, 'must have an end that is not before its start'],
])('rejects the time %j', (given, message) => {
  expect(DataTimeParametersSchema.safeParse(given).error?.issues[0]?.message).toContain(message);
});
