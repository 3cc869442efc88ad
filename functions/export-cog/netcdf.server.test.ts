import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type RasterFixture, openRasterFixture, rasterFile } from '../../tests/fixtures/raster.ts';

/** netCDF files: variables, dimensions and valid ranges. */

let landing: RasterFixture;
beforeAll(async () => {
  landing = await openRasterFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const LANDSAT = rasterFile('landsat.tif');

test('chooses a variable by `layer`, and lists the variables without it', async () => {
  const path = await landing.upload(rasterFile('sub.nc'));
  await expect(landing.ingest({ path, format: 'netCDF' })).rejects.toMatchObject({
    code: 'LAYER_AMBIGUOUS',
    details: { layers: ['u', 'v'] },
  });
  await expect(landing.ingest({ path, format: 'netCDF', layer: 'w' })).rejects.toMatchObject({
    code: 'LAYER_MISSING',
    details: { layers: ['u', 'v'] },
  });
  await expect(landing.ingest({ path, format: 'netCDF', layer: 'v' })).rejects.toMatchObject({
    code: 'CRS_MISSING',
    message: expect.stringContaining('If they are those of WGS 84, set EPSG:4326 as `crs` for the file') as string,
  });
  const { asset } = await landing.ingest({ path, format: 'netCDF', layer: 'v', crs: 'EPSG:4326' });
  expect(asset.sources[0]).toMatchObject({ layer: 'v', crs: 'EPSG:4326' });
  expect(asset.raster).toMatchObject({ width: 9, height: 9, resolution: [0.25, 0.25] });
  expect(asset.raster?.bands).toHaveLength(20);
  expect(asset.raster?.bands[0]).toMatchObject({
    data_type: 'Int16',
    nodata: -32767,
    scale: expect.any(Number) as number,
    offset: expect.any(Number) as number,
    unit: 'm s**-1',
    description: expect.stringMatching(/time=/) as string,
  });
});

test.each([
  [
    [],
    { nodata: null, statistics: { minimum: 25, maximum: 255 } },
    'were kept, because the variable has no nodata value (_FillValue).',
  ],
  [
    ['-a_nodata', '0'],
    { nodata: 0, statistics: { minimum: 50, maximum: 100 } },
    'were replaced by the nodata value 0.',
  ],
])('notes values outside of the valid range, with the options %j', async (options, band, outcome) => {
  const made = await landing.make('bereich.nc', LANDSAT, '-of', 'netCDF', '-b', '1', ...options);
  // The name is padded to 12 bytes; type and number of the values, which are shorts, have 4 bytes each.
  const bytes = await readFile(made);
  bytes.set([0, 50, 0, 100], bytes.indexOf('valid_range') + 12 + 8);
  await writeFile(made, bytes);
  const path = await landing.upload(made);
  const { asset } = await landing.ingest({ path, format: 'netCDF' }, {}, `range${options.length}`);
  expect(asset.raster?.bands).toMatchObject([band]);
  expect(asset.quality.notes).toMatchObject([
    {
      code: 'VALUES_OUTSIDE_VALID_RANGE',
      message: `Values of ${path} outside of its valid range, 50 to 100, ${outcome}`,
    },
  ]);
});

test.each(['transposed', 'transposed-bare'])('rejects a regular grid of (lon, lat) as transposed: %s', async (name) => {
  const path = await landing.upload(rasterFile(`${name}.nc`));
  const message = `The grid of ${path} is transposed: its last two dimensions are lon, lat; they must be lat, lon. Change their order (ncpdq -a lat,lon IN.nc OUT.nc) and upload the file again.`;
  await expect(landing.ingest({ path, format: 'NC', crs: 'EPSG:4326' })).rejects.toMatchObject({
    code: 'GEOREFERENCE_MISSING',
    message,
  });
});

test('reads the only variable without `layer`, and rejects a curvilinear grid', async () => {
  expect(
    (await landing.ingest({ path: await landing.upload(rasterFile('cams.nc')), format: 'NC', crs: 'OGC:CRS84' })).asset,
  ).toMatchObject({ crs: 'OGC:CRS84', raster: { bands: [{ unit: 'µg/m3', nodata: -999 }] } });
  await expect(
    landing.ingest({ path: await landing.upload(rasterFile('timeseries.nc')), format: 'NC' }),
  ).rejects.toMatchObject({ code: 'GEOREFERENCE_MISSING' });
});
