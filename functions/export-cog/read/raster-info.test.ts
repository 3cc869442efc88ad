import { expect, test } from 'vitest';
import { rasterInfo } from '../../../tests/fixtures/raster-info.ts';
import { parseRasterInfo, subdatasets } from './raster-info.ts';

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
    { layer: 'u', name: 'NETCDF:"/s/a.nc":u' },
    { layer: '2', name: 'GTIFF_DIR:2:/s/a.nc' },
  ]);
});
