import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { bandValues, type RasterFixture, openRasterFixture, rasterFile } from '../../tests/fixtures/raster.ts';

/** The pixels of assets: overviews, classes, nodata. */

let landing: RasterFixture;
beforeAll(async () => {
  landing = await openRasterFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const DEM = rasterFile('olinda_dem_utm25s.tif');
const LANDSAT = rasterFile('landsat.tif');
const CLASSES = rasterFile('lc.tif');

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

  test('keep the values and colors of classes, even after a warp', async () => {
    const made = await landing.make('klassen.tif', CLASSES, '-outsize', '600', '520', '-r', 'nearest');
    const path = await landing.upload(made);
    const known = new Set(await bandValues(made));
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
    const replaced = (await bandValues(source, 2)).map((value) => (value === 100 ? 0 : value));
    expect(await bandValues(path, 2)).toEqual(replaced);
    expect(await bandValues(path)).toEqual(await bandValues(source));
    // A manifest can declare one value for all bands.
    const declared = await landing.ingest(
      { path: await landing.upload(source), format: 'HFA' },
      { nodata: 100 },
      'hfa-declared',
    );
    expect(await bandValues(declared.path, 2)).toEqual(await bandValues(source, 2));
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
    const original = await bandValues(LANDSAT);
    expect(original.filter((value, index) => value === nodata && !isNodata(value, index))).toEqual([]);
    expect(await bandValues(path)).toEqual(original.map((value, index) => (isNodata(value, index) ? nodata : value)));
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
