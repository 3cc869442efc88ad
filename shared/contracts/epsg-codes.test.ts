import { expect, test } from 'vitest';
import { EpsgCodeSchema, epsgNumber } from './epsg-codes.ts';

test('reads the number of an EPSG code', () => {
  expect(epsgNumber('EPSG:4326')).toBe(4326);
  expect(EpsgCodeSchema.parse('EPSG:4326')).toBe('EPSG:4326');
});

test.each(['OGC:CRS84', 'epsg:4326', 'EPSG:', 'EPSG:1234567', ' EPSG:4326', 'EPSG:4326+5773', ''])(
  'rejects %j',
  (text) => {
    expect(epsgNumber(text)).toBeUndefined();
    expect(EpsgCodeSchema.safeParse(text).error?.issues[0]?.message).toBe('must be EPSG:n');
  },
);

test('has no number for a missing code', () => {
  expect([epsgNumber(null), epsgNumber(undefined)]).toEqual([undefined, undefined]);
});
