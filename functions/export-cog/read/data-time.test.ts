import { describe, expect, test } from 'vitest';
import { rasterInfo } from '../../../tests/fixtures/raster-info.ts';
import { cfTime, dataTime } from './data-time.ts';

describe('a time coordinate by the CF conventions', () => {
  test.each([
    [0, 'hours since 2000-01-01 00:00:00', undefined, '2000-01-01T00:00:00.000Z'],
    [36.5, 'h since 2000-01-01T12:30Z', 'gregorian', '2000-01-03T01:00:00.000Z'],
    [0.041_666_666_666, 'days since 1970-1-1', 'proleptic_gregorian', '1970-01-01T01:00:00.000Z'],
    [1_508_328_000, 'seconds since 1970-01-01 00:00:00 UTC', 'standard', '2017-10-18T12:00:00.000Z'],
    // The reanalysis of NCEP counts from year 1 in the mixed calendar, and starts in 1948.
    [17_067_072, 'hours since 1-1-1 00:00:0.0', 'standard', '1948-01-01T00:00:00.000Z'],
    [17_067_072, 'hours since 1-1-1 00:00:0.0', 'proleptic_gregorian', '1948-01-03T00:00:00.000Z'],
    [1, 'days since 1500-02-28', 'proleptic_gregorian', '1500-03-01T00:00:00.000Z'],
  ])('%f %s in %s', (value, units, calendar, time) => expect(cfTime(value, units, calendar)).toBe(time));

  test.each([
    [1, 'days since 2000-01-01', '360_day'],
    [1, 'days since 2000-01-01', 'noleap'],
    [1, 'months since 2000-01-01', 'standard'],
    [1, 'days since 2000-01-01 00:00 +02:00', 'standard'],
    [1, 'degrees_north', 'standard'],
    [1e12, 'days since 2000-01-01', 'standard'],
    [Number.NaN, 'days since 2000-01-01', 'standard'],
    [1, 'days since 1500-01-01', 'standard'],
  ])('%f %s in %s is not converted', (value, units, calendar) =>
    expect(cfTime(value, units, calendar)).toBeUndefined(),
  );
});

test('spans all bands and all rasters; a raster without a time leaves it unknown', () => {
  const band = (hours: string) => ({ type: 'Byte', metadata: { '': { NETCDF_DIM_zeit: hours } } });
  const raster = (...hours: string[]) =>
    rasterInfo({ metadata: { '': { 'zeit#units': 'hours since 2020-01-01' } }, bands: hours.map(band) });
  expect(dataTime([raster('6', '0'), raster('30')])).toEqual({
    start: '2020-01-01T00:00:00.000Z',
    end: '2020-01-02T06:00:00.000Z',
    source: 'netCDF time',
  });
  expect(dataTime([raster('6'), rasterInfo()])).toBeUndefined();
  expect(dataTime([])).toBeUndefined();
});

test('reads the coverage of a netCDF file, and the time of a TIFF', () => {
  const withMetadata = (items: object) => dataTime([rasterInfo({ metadata: { '': items } })]);
  expect(
    withMetadata({
      'NC_GLOBAL#time_coverage_start': '2020-01-01T02:00:00+02:00',
      'NC_GLOBAL#time_coverage_end': '2020-01-31',
    }),
  ).toEqual({ start: '2020-01-01T00:00:00.000Z', end: '2020-01-31T00:00:00.000Z', source: 'time_coverage_start' });
  expect(withMetadata({ TIFFTAG_DATETIME: '2021:07:01 10:30:00' })).toEqual({
    start: '2021-07-01T10:30:00.000Z',
    end: '2021-07-01T10:30:00.000Z',
    source: 'TIFFTAG_DATETIME, as UTC',
  });
  expect(withMetadata({ TIFFTAG_DATETIME: '0000:00:00 00:00:00' })).toBeUndefined();
  expect(withMetadata({ TIFFTAG_DATETIME: 'yesterday' })).toBeUndefined();
});
