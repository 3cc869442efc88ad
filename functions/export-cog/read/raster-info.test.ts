import { expect, test } from 'vitest';
import { rasterInfo } from '../../../tests/fixtures/raster-info.ts';
import { messageBeforeInfo, metadataItem, parseRasterInfo, subdatasets } from './raster-info.ts';

test('reads unquoted nan and inf, and does not change these words in strings', () => {
  const parsed = parseRasterInfo(
    '{"driverShortName":"GTiff","size":[1,1],"bands":[{"type":"Float32","noDataValue":nan,"description":"a: nan, \\"inf\\": -inf"},{"type":"Float32","noDataValue":-inf}]}',
    'f',
  );
  expect(parsed.bands.map(({ noDataValue, description }) => [noDataValue, description])).toEqual([
    ['nan', 'a: nan, "inf": -inf'],
    ['-inf', undefined],
  ]);
  expect(() => parseRasterInfo('ERROR', 'f')).toThrow(
    expect.objectContaining({ code: 'FILE_UNREADABLE', details: { file: 'f' } }),
  );
});

test('keeps the digits of nodata values that a double cannot hold', () => {
  const values = ['9007199254740993', '"18446744073709551615"', '-9223372036854775808', '"255"', '1e20'];
  const bands = values.map((value) => `{"type":"Int64","noDataValue":${value}}`).join();
  const { bands: parsed } = parseRasterInfo(`{"driverShortName":"GTiff","size":[1,1],"bands":[${bands}]}`, 'f');
  expect(parsed.map(({ noDataValue }) => noDataValue)).toEqual([
    '9007199254740993',
    '18446744073709551615',
    '-9223372036854775808',
    255,
    1e20,
  ]);
});

test('reads nodata values of other types as numbers, even when they are printed as long integers', () => {
  const bands = ['Float32', 'Float64'].map((type) => `{"type":"${type}","noDataValue":10000000000000001}`).join();
  const { bands: parsed } = parseRasterInfo(`{"driverShortName":"GTiff","size":[1,1],"bands":[${bands}]}`, 'f');
  expect(parsed.map(({ noDataValue }) => noDataValue)).toEqual([Math.fround(1e16), 1e16]);
});

test('lists only images of the file itself by its own driver', () => {
  const listed = rasterInfo({
    metadata: {
      SUBDATASETS: {
        SUBDATASET_1_NAME: 'NETCDF:"/s/a.nc":u',
        SUBDATASET_2_NAME: 'NETCDF:"/etc/x.nc":v',
        SUBDATASET_3_NAME: 'WMS:http://x',
        SUBDATASET_4_NAME: 'GTIFF_DIR:2:/s/a.nc',
        SUBDATASET_4_DESC: 'x',
      },
    },
  });
  expect(subdatasets(listed, '/s/a.nc')).toEqual([
    { kind: 'variable', layer: 'u', name: 'NETCDF:"/s/a.nc":u' },
    { kind: 'page', layer: '2', name: 'GTIFF_DIR:2:/s/a.nc' },
  ]);
});

test('reads a text of 16 MiB, and rejects a file with too many bands', () => {
  const json = (more: object) => JSON.stringify({ driverShortName: 'netCDF', size: [1, 1], ...more });
  const text = '\\"nan '.repeat(2 ** 21);
  expect(metadataItem(parseRasterInfo(json({ metadata: { '': { text } } }), 'f'), 'text')).toHaveLength(text.length);
  const bands = Array.from({ length: 20_001 }, () => ({ type: 'Byte' }));
  expect(() => parseRasterInfo(json({ bands }), 'a b.nc')).toThrow(
    'a b.nc has 20001 bands; Sluice reads at most 20000. Split the file.',
  );
});

test('finds the JSON after messages of a driver', () => {
  const document = JSON.stringify(
    { driverShortName: 'GRIB', size: [1, 1], metadata: { '': { a: '{\n}' } } },
    undefined,
    1,
  );
  const stdout = `Warning: Inside GRIB2Inventory, Message # 2\nERROR: Ran out of file {x}\n${document}\nafter`;
  expect(parseRasterInfo(stdout, 'f')).toMatchObject({ driverShortName: 'GRIB' });
  expect(messageBeforeInfo(stdout)).toBe('Warning: Inside GRIB2Inventory, Message # 2 ERROR: Ran out of file {x}');
  expect(messageBeforeInfo(document)).toBe('');
});
