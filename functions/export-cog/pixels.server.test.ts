import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type RasterFixture, openRasterFixture, rasterFile } from '../../tests/fixtures/raster.ts';

/** The pixels of assets: overviews, classes, nodata, other CRSs and grids, mosaics. */

let landing: RasterFixture;
beforeAll(async () => {
  landing = await openRasterFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const DEM = rasterFile('olinda_dem_utm25s.tif');
const LANDSAT = rasterFile('landsat.tif');
const CLASSES = rasterFile('lc.tif');

async function checksums(path: string): Promise<number[]> {
  const { stdout } = await execa('gdalinfo', ['-checksum', path], { env: { GDAL_PAM_ENABLED: 'NO' } });
  return [...stdout.matchAll(/Checksum=(\d+)/g)].map((match) => Number(match[1]));
}

/** Values of a band, row by row. */
async function values(path: string, band = 1): Promise<number[]> {
  const { stdout } = await execa('gdal_translate', ['-q', '-of', 'XYZ', '-b', String(band), path, '/vsistdout/'], {
    env: { GDAL_PAM_ENABLED: 'NO' },
  });
  return stdout.split('\n').map((line) => Number(line.split(' ')[2]));
}

describe('overviews', () => {
  test('are created down to one block, contain means, agree with another reader, and do not depend on the number of cores', async () => {
    const made = await landing.make('groß.tif', DEM, '-outsize', '1100', '600', '-r', 'bilinear');
    const path = await landing.upload(made);
    const { asset, cog } = await landing.ingest({ path, format: 'GTiff' }, {}, 'pyramid');
    expect(asset.raster).toMatchObject({ width: 1100, height: 600, overviews: [2, 4] });
    expect(asset.recipe.parameters).toMatchObject({ overview_resampling: 'average', predictor: 'YES' });
    expect(await cog.getImageCount()).toBe(3);
    const small = await cog.getImage(2);
    expect([small.getWidth(), small.getHeight()]).toEqual([275, 150]);
    for (const cores of ['1', '3']) {
      await using other = await openRasterFixture({ variables: { CORES: cores } });
      const again = await other.ingest({ path: await other.upload(made), format: 'GTiff' }, {}, 'pyramid');
      expect(again.asset.content_hash).toBe(asset.content_hash);
    }
  });

  test('keep the values and colors of classes, also after a warp', async () => {
    const made = await landing.make('klassen.tif', CLASSES, '-outsize', '600', '520', '-r', 'nearest');
    const path = await landing.upload(made);
    const known = new Set(await values(made));
    const { asset, cog } = await landing.ingest({ path, format: 'GTiff' });
    expect(asset.recipe.parameters).toMatchObject({
      categorical: true,
      overview_resampling: 'nearest',
      predictor: 'NO',
    });
    expect(asset.raster?.bands[0]?.color_interpretation).toBe('Palette');
    const [overview] = (await (await cog.getImage(1)).readRasters()) as unknown as Uint8Array[];
    expect([...new Set(overview)].every((value) => known.has(value))).toBe(true);
    const warped = await landing.ingest({ path, format: 'GTiff' }, { target_crs: 'EPSG:4326' }, 'warped');
    expect(warped.asset).toMatchObject({
      crs: 'EPSG:4326',
      raster: { bands: [{ color_interpretation: 'Palette', data_type: 'Byte' }] },
      recipe: { parameters: { resampling: 'nearest' }, steps: ['Warp', 'TranslateToCog'] },
    });
    expect(warped.asset.bbox).toEqual(warped.asset.native_bbox);
  });

  test('keep the values of numbers that the manifest declares as classes', async () => {
    const { asset } = await landing.ingest(
      { path: await landing.upload(LANDSAT), format: 'GTiff' },
      { categorical: true, compression: 'zstd' },
    );
    expect(asset).toMatchObject({
      recipe: { parameters: { categorical: true, overview_resampling: 'nearest' } },
      raster: { compression: 'zstd' },
    });
  });
});

describe('empty pixels', () => {
  test('use nodata of the file or the manifest, and reject a value outside the pixel type', async () => {
    const path = await landing.upload(await landing.make('leer.tif', LANDSAT, '-a_nodata', '0'));
    expect((await landing.ingest({ path, format: 'GTiff' })).asset.raster?.bands.map((band) => band.nodata)).toEqual([
      0, 0, 0,
    ]);
    const declared = await landing.ingest({ path, format: 'GTiff' }, { nodata: 64 });
    expect(declared.asset.raster?.bands[0]?.nodata).toBe(64);
    expect(declared.cog && (await declared.cog.getImage()).getGDALNoData()).toBe(64);
    await expect(landing.ingest({ path, format: 'GTiff' }, { nodata: -9999 })).rejects.toMatchObject({
      code: 'MANIFEST_INVALID',
      details: { issues: [{ field: 'metadata.raster.nodata' }] },
    });
  });

  test.each([
    ['UInt64', '18446744073709551615'],
    ['Int64', '9007199254740993'],
  ])('of %s keep the digits of %s', async (type, nodata) => {
    const path = await landing.upload(await landing.make('groß.tif', DEM, '-ot', type, '-a_nodata', nodata));
    const { asset, path: cog } = await landing.ingest({ path, format: 'GTiff' }, {}, type.toLowerCase());
    expect(asset.raster?.bands[0]).toMatchObject({ data_type: type, nodata });
    const { stdout } = await execa('gdalinfo', [cog], { env: { GDAL_PAM_ENABLED: 'NO' } });
    expect(stdout).toContain(`NoData Value=${nodata}`);
  });

  test('of bands with different nodata values get one value that no other pixel has', async () => {
    const source = rasterFile('hfa-two-nodata.img');
    const { asset, path } = await landing.ingest({ path: await landing.upload(source), format: 'HFA' }, {}, 'hfa');
    expect(asset.raster?.bands.map(({ nodata, statistics }) => [nodata, statistics?.minimum])).toEqual([
      [0, 1],
      [0, 1],
    ]);
    expect(asset.quality.notes).toMatchObject([
      { code: 'NODATA_REPLACED', message: expect.stringContaining('(band 1: 0; band 2: 100)') as string },
    ]);
    const replaced = (await values(source, 2)).map((value) => (value === 100 ? 0 : value));
    expect(await values(path, 2)).toEqual(replaced);
    expect(await values(path)).toEqual(await values(source));
    // A manifest can declare one value for all bands.
    const declared = await landing.ingest(
      { path: await landing.upload(source), format: 'HFA' },
      { nodata: 100 },
      'hfa-declared',
    );
    expect(await values(declared.path, 2)).toEqual(await values(source, 2));
  });

  test('of several files in a mosaic keep the pixels of other files that have the same value', async () => {
    // In the second file, 200 is nodata and 60 is data.
    const first = await landing.make(
      'n1.tif',
      LANDSAT,
      '-b',
      '1',
      '-srcwin',
      '0',
      '0',
      '100',
      '200',
      '-a_nodata',
      '60',
    );
    const second = await landing.make(
      'n2.tif',
      LANDSAT,
      '-b',
      '1',
      '-srcwin',
      '100',
      '0',
      '60',
      '200',
      '-a_nodata',
      '200',
    );
    const files = [
      { path: await landing.upload(first), format: 'GTiff' },
      { path: await landing.upload(second), format: 'GTiff' },
    ];
    const { asset, path } = await landing.ingest(files, { mosaic: true }, 'n');
    const nodata = asset.raster?.bands[0]?.nodata;
    const isNodata = (value: number, index: number) => value === (index % 160 < 100 ? 60 : 200);
    const original = await values(LANDSAT);
    expect(original.filter((value, index) => value === nodata && !isNodata(value, index))).toEqual([]);
    expect(await values(path)).toEqual(original.map((value, index) => (isNodata(value, index) ? nodata : value)));
  });

  test('are rejected when every value is data in some band', async () => {
    const ramp = await landing.make('rampe.tif', LANDSAT, '-b', '1', '-scale', '25', '255', '0', '255');
    const files = [
      { path: await landing.upload(await landing.make('r1.tif', ramp, '-a_nodata', '0')), format: 'GTiff' },
      { path: await landing.upload(ramp), format: 'GTiff' },
    ];
    await expect(landing.ingest(files, { mosaic: true }, 'r')).rejects.toMatchObject({ code: 'NODATA_AMBIGUOUS' });
  });

  test('of a mask or an alpha band are not counted in statistics', async () => {
    const alpha = await landing.make(
      'alpha.tif',
      LANDSAT,
      '-b',
      '1',
      '-b',
      '2',
      '-colorinterp',
      'gray,alpha',
      '-scale_2',
      '0',
      '100',
      '0',
      '0',
    );
    const visible = await landing.make('alle.tif', LANDSAT, '-b', '1');
    const masked = await landing.make(
      'maske.tif',
      LANDSAT,
      '-b',
      '1',
      '-mask',
      '2',
      '--config',
      'GDAL_TIFF_INTERNAL_MASK',
      'YES',
      '-scale',
      '0',
      '255',
      '0',
      '255',
    );
    const all = await landing.ingest({ path: await landing.upload(visible), format: 'GTiff' }, {}, 'alle');
    const shown = await landing.ingest({ path: await landing.upload(masked), format: 'GTiff' }, {}, 'maske');
    const [expected, found] = [all, shown].map(({ asset }) => asset.raster?.bands[0]?.statistics);
    // No pixel of band 2 is 0, so the mask shows all pixels, and both ways must find the same.
    expect(found).toMatchObject({
      minimum: expected?.minimum,
      maximum: expected?.maximum,
      mean: expect.closeTo(expected?.mean ?? 0, 9) as number,
      stddev: expect.closeTo(expected?.stddev ?? 0, 9) as number,
      valid_percent: 100,
    });
    const hidden = await landing.ingest({ path: await landing.upload(alpha), format: 'GTiff' }, {}, 'alpha');
    expect(hidden.asset.raster?.bands[0]?.statistics).toBeNull();
    const warped = await landing.ingest(
      { path: await landing.upload(visible), format: 'GTiff' },
      { target_crs: 'EPSG:3035', resampling: 'nearest' },
      'gedreht',
    );
    expect(warped.asset.raster?.bands[0]?.statistics).toMatchObject({ minimum: expected?.minimum });
    expect(warped.asset.raster?.bands[0]?.statistics?.valid_percent).toBeLessThan(100);
  });

  test('leave a band without values without statistics', async () => {
    const path = await landing.upload(
      await landing.make('nichts.tif', DEM, '-scale', '0', '1', '7', '7', '-a_nodata', '7'),
    );
    expect((await landing.ingest({ path, format: 'GTiff' })).asset.raster?.bands[0]).toMatchObject({
      nodata: 7,
      statistics: null,
    });
  });

  test('become NaN after a warp, or a mask for bytes', async () => {
    const dem = await landing.ingest(
      { path: await landing.upload(DEM), format: 'GTiff' },
      { target_crs: 'EPSG:3857' },
      'nan',
    );
    expect(dem.asset).toMatchObject({
      crs: 'EPSG:3857',
      raster: { bands: [{ nodata: 'nan' }] },
      recipe: { parameters: { resampling: 'bilinear', nodata: 'nan', target_crs: 'EPSG:3857' } },
    });
    const bytes = await landing.ingest(
      { path: await landing.upload(LANDSAT), format: 'GTiff' },
      { target_crs: 'EPSG:4326', resampling: 'cubic' },
      'mask',
    );
    expect(bytes.asset.raster?.bands).toHaveLength(3);
    expect(bytes.asset.raster?.bands[0]?.statistics?.valid_percent).toBeGreaterThan(50);
    expect((await execa('gdalinfo', [bytes.path])).stdout).toContain('Mask Flags: PER_DATASET');
  });
});

describe('grids', () => {
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
    expect((await values(path)).slice(0, 160)).toEqual(
      (await values(upside))
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
    const { asset: coded } = await landing.ingest(
      { path: await landing.upload(LANDSAT), format: 'GTiff' },
      {},
      'coded',
    );
    expect(coded.raster).not.toHaveProperty('crs_wkt2');
  });

  test.each([{}, { target_crs: 'EPSG:8857' }])('reject a CRS that GeoTIFF has no keys for %j', async (parameters) => {
    const path = await landing.upload(await landing.make('gleich.tif', LANDSAT, '-a_ullr', '0', '9000', '9000', '0'));
    const crs = 'target_crs' in parameters ? 'EPSG:3857' : 'EPSG:8857';
    await expect(landing.ingest({ path, format: 'GTiff', crs }, parameters)).rejects.toMatchObject({
      code: 'CRS_NOT_IN_GEOTIFF',
      message: `A GeoTIFF cannot contain the coordinate reference system EPSG:8857, which ${path} would have.`,
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

  test('have bounds up to the pole in a polar image, and normalized longitudes in a world that counts to 360', async () => {
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
});

describe('several files', () => {
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
    const degrees = await landing.make(
      'grad.tif',
      DEM,
      '-a_srs',
      'EPSG:4326',
      '-a_ullr',
      '-34.9',
      '-8',
      '-34.8',
      '-8.1',
    );
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
});
