import { afterAll, beforeAll, expect, test } from 'vitest';
import { checksums, type RasterFixture, openRasterFixture, rasterFile } from '../../tests/fixtures/raster.ts';

/** Batches of several files: one dataset for each, or a mosaic. */

let landing: RasterFixture;
beforeAll(async () => {
  landing = await openRasterFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const DEM = rasterFile('olinda_dem_utm25s.tif');
const LANDSAT = rasterFile('landsat.tif');

test('become one dataset each, named after the file', async () => {
  const files = [
    await landing.upload(DEM, 'x/Höhe #1.tif'),
    await landing.upload(LANDSAT, 'y/Höhe #1.tif'),
    await landing.upload(rasterFile('sub.nc'), 'wind.nc'),
  ];
  const { assets, event } = await landing.ingest(
    [
      { path: files[0] ?? '', format: 'GTiff' },
      { path: files[1] ?? '', format: 'GTiff' },
      { path: files[2] ?? '', format: 'netCDF', layer: 'u', crs: 'EPSG:4326' },
      { path: files[2] ?? '', format: 'netCDF', layer: 'v', crs: 'EPSG:4326' },
    ],
    {},
    'viele',
  );
  expect(event.reused).toBe(false);
  expect(assets.map(({ dataset_id, version }) => [dataset_id, version])).toEqual([
    ['viele.Höhe_1', 1],
    ['viele.Höhe_1-2', 1],
    ['viele.wind.u', 1],
    ['viele.wind.v', 1],
  ]);
});

test('become a mosaic with the pixels of the original', async () => {
  const [west, east] = [
    await landing.make('west.tif', LANDSAT, '-srcwin', '0', '0', '100', '200'),
    await landing.make('ost.tif', LANDSAT, '-srcwin', '80', '0', '80', '200'),
  ];
  const files = [
    { path: await landing.upload(west), format: 'GTiff' },
    { path: await landing.upload(east), format: 'GTiff' },
  ];
  const { asset, assets, path } = await landing.ingest(files, { mosaic: true }, 'mosaik');
  expect(assets).toHaveLength(1);
  expect(asset).toMatchObject({
    dataset_id: 'mosaik',
    raster: { width: 160, height: 200 },
    native_bbox: [290486.25, 9113350.75, 295046.25, 9119050.75].map((side) => expect.closeTo(side, 3) as number),
    recipe: { parameters: { mosaic: true, resampling: 'nearest' } },
  });
  expect(asset.sources).toHaveLength(2);
  expect(await checksums(path)).toEqual(await checksums(LANDSAT));
});

test('become a mosaic of several CRSs, one of them declared', async () => {
  const degrees = await landing.make('grad.tif', DEM, '-a_srs', 'EPSG:4326', '-a_ullr', '-34.9', '-8', '-34.8', '-8.1');
  const bare = await landing.make('ohne.tif', DEM, '-co', 'PROFILE=BASELINE', '-co', 'TFW=YES');
  const files = [
    { path: await landing.upload(DEM, 'm/eins.tif'), format: 'GTiff' },
    { path: await landing.upload(degrees), format: 'GTiff' },
    { path: await landing.upload(bare), format: 'GTiff', crs: 'EPSG:32725' },
  ];
  const { asset } = await landing.ingest(files, { mosaic: true, target_crs: 'EPSG:31985' }, 'gemischt');
  expect(asset).toMatchObject({ crs: 'EPSG:31985', recipe: { steps: ['AssignCrs', 'Warp', 'TranslateToCog'] } });
});

test('are rejected as a mosaic when their bands differ', async () => {
  const files = [
    { path: await landing.upload(DEM), format: 'GTiff' },
    { path: await landing.upload(LANDSAT), format: 'GTiff' },
  ];
  await expect(landing.ingest(files, { mosaic: true })).rejects.toMatchObject({
    code: 'RASTERS_DIFFER',
    message: expect.stringContaining('3 bands (Byte)') as string,
  });
});
