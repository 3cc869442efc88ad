import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Exported, type RasterFixture, openRasterFixture, rasterFile } from '../../tests/fixtures/raster.ts';
import { blankStatistics } from './write/summarize-raster.ts';

/** Statistics are computed from all pixels of the asset. Statistics in the file are ignored. */

let landing: RasterFixture;
beforeAll(async () => {
  landing = await openRasterFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const LANDSAT = rasterFile('landsat.tif');
const FALSE_METADATA = {
  STATISTICS_MINIMUM: '5',
  STATISTICS_MAXIMUM: '6',
  STATISTICS_MEAN: '-9999',
  STATISTICS_STDDEV: '1',
  STATISTICS_VALID_PERCENT: '12',
  Höhe: 'über <NN>',
};

/** A copy of a raster with false statistics and another metadata item in its bands. */
async function withFalseStatistics(name: string, source: string, ...args: string[]): Promise<string> {
  const vrt = await landing.make(`${name}.vrt`, source, '-of', 'VRT', ...args);
  const items = Object.entries(FALSE_METADATA)
    .map(([key, value]) => `<MDI key="${key}">${value.replaceAll('<', '&lt;')}</MDI>`)
    .join('');
  await writeFile(
    vrt,
    (await readFile(vrt, 'utf8')).replaceAll(
      /<VRTRasterBand [^>]*>/g,
      (band) => `${band}<Metadata>${items}</Metadata>`,
    ),
  );
  return landing.make(name, vrt);
}

/** The metadata of the bands, read with GDAL. */
async function bandMetadata(path: string): Promise<Record<string, string>[]> {
  const { stdout } = await execa('gdalinfo', ['-json', path], { env: { GDAL_PAM_ENABLED: 'NO' } });
  return (JSON.parse(stdout) as { bands: { metadata: { '': Record<string, string> } }[] }).bands.map(
    ({ metadata }) => metadata[''],
  );
}

test('replaces statistics in the file, and keeps other metadata', async () => {
  const original = await landing.ingest({ path: await landing.upload(LANDSAT), format: 'GTiff' }, {}, 'ehrlich');
  const falsified = await withFalseStatistics('lügt.tif', LANDSAT);
  expect((await bandMetadata(falsified))[0]).toMatchObject(FALSE_METADATA);
  const { asset, path } = await landing.ingest({ path: await landing.upload(falsified), format: 'GTiff' }, {}, 'lügt');
  expect(asset.raster?.bands).toEqual(original.asset.raster?.bands);
  expect(await bandMetadata(path)).toEqual([1, 2, 3].map(() => ({ Höhe: 'über <NN>' })));
});

test('computes statistics with a declared nodata value, and none for a band without values', async () => {
  const path = await landing.upload(await withFalseStatistics('anders.tif', LANDSAT));
  const { asset } = await landing.ingest({ path, format: 'GTiff' }, { nodata: 255 });
  expect(asset.raster?.bands[0]?.statistics).toMatchObject({ minimum: 25, maximum: 233 });
  const empty = await landing.upload(
    await withFalseStatistics('nichts.tif', LANDSAT, '-b', '1', '-scale', '0', '1', '7', '7', '-a_nodata', '7'),
  );
  expect((await landing.ingest({ path: empty, format: 'GTiff' })).asset.raster?.bands[0]?.statistics).toBeNull();
});

test('computes statistics of each of several bands that a mask shows', async () => {
  const bands = ['-b', '1', '-b', '2', '-b', '3', '-co', 'INTERLEAVE=PIXEL'];
  // No pixel of band 2 is 0, so the mask shows all pixels.
  const mask = ['-mask', '2', '--config', 'GDAL_TIFF_INTERNAL_MASK', 'YES'];
  const plain = await landing.upload(await landing.make('ohne.tif', LANDSAT, ...bands));
  const masked = await landing.upload(await landing.make('mit.tif', LANDSAT, ...bands, ...mask));
  const expected = await landing.ingest({ path: plain, format: 'GTiff' }, {}, 'ohne');
  const shown = await landing.ingest({ path: masked, format: 'GTiff' }, {}, 'mit');
  const means = ({ asset }: Exported) => asset.raster?.bands.map(({ statistics }) => statistics?.mean.toFixed(4));
  expect(new Set(means(expected)).size).toBe(3);
  expect(means(shown)).toEqual(means(expected));
});

test.each([
  ['UInt32', '4294967295', [4_294_967_290, 4_294_967_290, 75]],
  ['Int32', '-2147483648', [-2_147_483_640, -2_147_483_640, 75]],
])('computes statistics of %s next to its nodata value %s', async (type, nodata, expected) => {
  const values = [nodata, ...Array.from({ length: 3 }, () => expected[0])].join(' ');
  const grid = join(landing.folder, 'groß.asc');
  await writeFile(grid, `ncols 2\nnrows 2\nxllcorner 0\nyllcorner 0\ncellsize 1\n${values}\n`);
  const ascii = ['--config', 'AAIGRID_DATATYPE', 'Float64', '-a_srs', 'EPSG:4326'];
  const path = await landing.make(`${type}.tif`, grid, ...ascii, '-ot', type, '-a_nodata', nodata);
  const { asset } = await landing.ingest({ path: await landing.upload(path), format: 'GTiff' });
  const { minimum, maximum, valid_percent } = asset.raster?.bands[0]?.statistics ?? {};
  expect([minimum, maximum, valid_percent]).toEqual(expected);
});

test('ignores an alpha band in statistics when there is a nodata value, as GDAL does', async () => {
  const alpha = ['-b', '1', '-b', '2', '-colorinterp', 'gray,alpha', '-scale_2', '0', '100', '0', '0'];
  const path = await landing.upload(await landing.make('beides.tif', LANDSAT, ...alpha, '-a_nodata', '255'));
  const { asset } = await landing.ingest({ path, format: 'GTiff' });
  expect(asset.raster?.bands[0]?.statistics).toMatchObject({ minimum: 25, maximum: 233 });
});

test('ignores statistics in an .aux.xml file of an archive, which describes the bands', async () => {
  const made = await landing.make('beide.tif', LANDSAT);
  await writeFile(
    `${made}.aux.xml`,
    `<PAMDataset><PAMRasterBand band="1"><Description>fremd</Description><Metadata><MDI key="STATISTICS_MEAN">-9999</MDI></Metadata></PAMRasterBand></PAMDataset>`,
  );
  const zip = await landing.zip('beide.zip', made, `${made}.aux.xml`);
  const { asset, path } = await landing.ingest({ path: await landing.upload(zip), format: 'GTiff' });
  expect(asset.raster?.bands[0]).toMatchObject({
    description: 'fremd',
    statistics: { mean: expect.closeTo(60.8, 1) as number },
  });
  expect((await bandMetadata(path))[0]).toBeUndefined();
});

/** A GeoTIFF of one row with these values. */
async function rowOf(type: string, ...values: string[]): Promise<string> {
  const grid = join(landing.folder, `${type}.asc`);
  await writeFile(grid, `ncols ${values.length}\nnrows 1\nxllcorner 0\nyllcorner 0\ncellsize 1\n${values.join(' ')}\n`);
  const ascii = ['--config', 'AAIGRID_DATATYPE', 'Float64', '-a_srs', 'EPSG:4326'];
  return landing.upload(await landing.make(`${type}.tif`, grid, ...ascii, '-ot', type));
}

test('has minimum and maximum of Float32 exactly', async () => {
  const { asset } = await landing.ingest({
    path: await rowOf('Float32', '0.99977732', '-1e-7', '0.1'),
    format: 'GTiff',
  });
  const { minimum, maximum } = asset.raster?.bands[0]?.statistics ?? {};
  expect([minimum, maximum]).toEqual([Math.fround(-1e-7), Math.fround(0.99977732)]);
  expect(asset.quality.notes).toEqual([]);
});

test('notes statistics of 64-bit integers that are rounded, and those that are missing', async () => {
  const notes = async (type: string, ...values: string[]) =>
    (await landing.ingest({ path: await rowOf(type, ...values), format: 'GTiff' }, {}, 'g')).asset.quality.notes;
  expect(await notes('Int64', '1', '9007199254740992')).toEqual([
    {
      code: 'STATISTICS_ROUNDED',
      message:
        'Band 1 has integers of more than 14 digits. GDAL computes their statistics as doubles, and rounds them to ' +
        '14 digits. The pixels are exact.',
    },
  ]);
  expect(await notes('UInt64', '1', '12345678901234')).toEqual([]);
  expect(await notes('Float64', '1e300', '-1e300')).toMatchObject([{ code: 'STATISTICS_MISSING' }]);
  expect(await notes('Float64', '1', '-1')).toEqual([]);
});

test('overwrites statistics with spaces of the same length', () => {
  const text =
    '<GDALMetadata>\n  <Item name="note" sample="0">a</Item>\n  <Item name="STATISTICS_MEAN" sample="0">-9999</Item>\n</GDALMetadata>\n';
  expect(blankStatistics(text)).toBe(
    `<GDALMetadata>\n  <Item name="note" sample="0">a</Item>\n  ${' '.repeat('<Item name="STATISTICS_MEAN" sample="0">-9999</Item>'.length)}\n</GDALMetadata>\n`,
  );
});
