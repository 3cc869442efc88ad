import { afterAll, beforeAll, expect, test } from 'vitest';
import { bandValues, type RasterFixture, openRasterFixture, rasterFile } from '../../tests/fixtures/raster.ts';

/** The grids of assets: rotated and upside-down grids, control points, CRSs and bounds. */

let landing: RasterFixture;
beforeAll(async () => {
  landing = await openRasterFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const DEM = rasterFile('olinda_dem_utm25s.tif');
const LANDSAT = rasterFile('landsat.tif');

test('that are rotated become north-up, with a note', async () => {
  const { asset } = await landing.ingest({
    path: await landing.upload(rasterFile('geomatrix.tif')),
    format: 'GTiff',
  });
  expect(asset).toMatchObject({
    crs: 'EPSG:32611',
    quality: { notes: [{ code: 'CRS_OUTSIDE_AREA_OF_USE' }, { code: 'GRID_RESAMPLED' }] },
  });
});

test('that are upside down are reordered without a change of values', async () => {
  const upside = await landing.make(
    'kopf.tif',
    LANDSAT,
    '-a_ullr',
    '290486.25',
    '9113350.75',
    '295046.25',
    '9119050.75',
  );
  const { asset, path } = await landing.ingest({ path: await landing.upload(upside), format: 'GTiff' });
  expect(asset).toMatchObject({
    native_bbox: [290486.25, 9113350.75, 295046.25, 9119050.75],
    quality: { notes: [{ code: 'GRID_TURNED' }] },
    raster: { width: 160, height: 200 },
  });
  expect((await bandValues(path)).slice(0, 160)).toEqual(
    (await bandValues(upside))
      .slice(-160 - 1)
      .filter((value) => !Number.isNaN(value))
      .slice(-160),
  );
});

test('are created from control points', async () => {
  const gcps = [
    [0, 0, 290486.25, 9119050.75],
    [160, 0, 295046.25, 9119050.75],
    [160, 200, 295046.25, 9113350.75],
    [0, 200, 290486.25, 9113350.75],
  ].flatMap((point) => ['-gcp', ...point.map(String)]);
  const { asset } = await landing.ingest({
    path: await landing.upload(await landing.make('gcp.tif', LANDSAT, ...gcps, '-a_srs', 'EPSG:31985')),
    format: 'GTiff',
  });
  expect(asset).toMatchObject({
    crs: 'EPSG:31985',
    quality: { notes: [{ code: 'GRID_RESAMPLED' }] },
    raster: { bands: [{}, {}, {}] },
  });
  expect(asset.native_bbox?.[0]).toBeCloseTo(290486.25, 0);
});

test('keep a CRS without a code as WKT', async () => {
  const laea = await landing.make(
    'laea.tif',
    LANDSAT,
    '-a_srs',
    '+proj=laea +lat_0=-8 +lon_0=-35 +x_0=290000 +y_0=9110000 +datum=WGS84 +units=m',
  );
  const { asset } = await landing.ingest({ path: await landing.upload(laea), format: 'GTiff' });
  expect(asset.crs).not.toMatch(/^EPSG:/);
  expect(asset.raster?.crs_wkt2).toMatch(/^PROJCRS\[[^]*Lambert Azimuthal Equal Area/);
  const { asset: coded } = await landing.ingest({ path: await landing.upload(LANDSAT), format: 'GTiff' }, {}, 'coded');
  expect(coded.raster).not.toHaveProperty('crs_wkt2');
});

test.each([{}, { target_crs: 'EPSG:8857' }])('reject a CRS that GeoTIFF has no keys for %j', async (parameters) => {
  const path = await landing.upload(await landing.make('gleich.tif', LANDSAT, '-a_ullr', '0', '9000', '9000', '0'));
  const crs = 'target_crs' in parameters ? 'EPSG:3857' : 'EPSG:8857';
  await expect(landing.ingest({ path, format: 'GTiff', crs }, parameters)).rejects.toMatchObject({
    code: 'CRS_NOT_IN_GEOTIFF',
    message: `The output of ${path} requires the CRS EPSG:8857, which GeoTIFF cannot store.`,
  });
});

test('keep a deprecated CRS, which differs from its successor', async () => {
  const path = await landing.upload(await landing.make('alt.tif', LANDSAT, '-a_ullr', '0', '9000', '9000', '0'));
  const { asset, cog } = await landing.ingest({ path, format: 'GTiff', crs: 'EPSG:2163' });
  expect((await cog.getImage()).getGeoKeys()?.ProjectedCSTypeGeoKey).toBe(2163);
  expect(asset.bbox?.[0]).toBeCloseTo(-100, 6);
});

test('reject a wrong CRS', async () => {
  const path = await landing.upload(LANDSAT, 'falsch.tif');
  await expect(landing.ingest({ path, format: 'GTiff', crs: 'EPSG:4326' })).rejects.toMatchObject({
    code: 'CRS_EXTENT_MISMATCH',
    details: { file: path },
  });
  await expect(landing.ingest({ path, format: 'GTiff', crs: 'https://example.com/crs' })).rejects.toMatchObject({
    code: 'CRS_UNREADABLE',
  });
  await expect(landing.ingest({ path, format: 'GTiff' }, { target_crs: 'EPSG:999999' })).rejects.toMatchObject({
    code: 'CRS_UNREADABLE',
    message: expect.stringContaining(
      'metadata.raster.target_crs: PROJ has no coordinate reference system EPSG:999999.',
    ) as string,
  });
});

test.each([
  ['EPSG:4978', 'WGS 84'],
  ['EPSG:5773', 'EGM96 height'],
  ['EPSG:7415', 'Amersfoort / RD New + NAP height'],
  ['EPSG:4979', 'WGS 84'],
])('reject the target CRS %s, which is not horizontal', async (target_crs, name) => {
  const message = `metadata.raster.target_crs is ${target_crs} (${name}). A raster needs a projected or geographic 2D coordinate reference system, such as EPSG:4326.`;
  await expect(
    landing.ingest({ path: await landing.upload(DEM), format: 'GTiff' }, { target_crs }),
  ).rejects.toMatchObject({
    code: 'MANIFEST_INVALID',
    retryable: false,
    message,
    details: { issues: [{ field: 'metadata.raster.target_crs', message }] },
  });
});

test('note a target CRS outside its area of use only', async () => {
  const path = await landing.upload(
    await landing.make('luxemburg.tif', DEM, '-a_srs', 'EPSG:4326', '-a_ullr', '5.7', '50.2', '6.6', '49.4'),
  );
  const far = await landing.ingest({ path, format: 'GTiff' }, { target_crs: 'EPSG:32601' });
  expect(far.asset.quality.notes).toEqual([
    {
      code: 'CRS_OUTSIDE_AREA_OF_USE',
      message: expect.stringContaining('EPSG:32601 (metadata.raster.target_crs)') as string,
    },
  ]);
  expect((await landing.ingest({ path, format: 'GTiff' }, { target_crs: 'EPSG:2169' })).asset.quality.notes).toEqual(
    [],
  );
});

test('have bounds up to the pole in a polar image, and normalized longitudes in a world from 0 to 360', async () => {
  const polar = await landing.make(
    'pol.tif',
    DEM,
    '-a_srs',
    'EPSG:3031',
    '-a_ullr',
    '-1000000',
    '1000000',
    '1000000',
    '-1000000',
  );
  const bounds = (await landing.ingest({ path: await landing.upload(polar), format: 'GTiff' })).asset.bbox ?? [];
  expect(bounds[0]).toBeLessThan(-170);
  expect(bounds.slice(1).map(Math.round)).toEqual([-90, 180, -77]);
  const world = await landing.make('welt.tif', DEM, '-a_srs', 'EPSG:4326', '-a_ullr', '0', '90', '360', '-90');
  expect((await landing.ingest({ path: await landing.upload(world), format: 'GTiff' })).asset).toMatchObject({
    bbox: [-180, -90, 180, 90],
    native_bbox: [0, -90, 360, 90],
    quality: { notes: [{ code: 'LONGITUDE_BEYOND_180' }] },
  });
});
