import { readFile, writeFile } from 'node:fs/promises';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { blankStatistics } from './write/clear-statistics.ts';
import { type RasterFixture, openRasterFixture, rasterFile } from '../../tests/fixtures/raster.ts';

/** Statistics are those of all pixels of the asset, whatever a file says of itself. */

let landing: RasterFixture;
beforeAll(async () => {
  landing = await openRasterFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const LANDSAT = rasterFile('landsat.tif');
const LIES = {
  STATISTICS_MINIMUM: '5',
  STATISTICS_MAXIMUM: '6',
  STATISTICS_MEAN: '-9999',
  STATISTICS_STDDEV: '1',
  STATISTICS_VALID_PERCENT: '12',
  Höhe: 'über <NN>',
};

/** A copy of a raster that says false statistics of its bands, and something else besides. */
async function lying(name: string, source: string, ...args: string[]): Promise<string> {
  const vrt = await landing.make(`${name}.vrt`, source, '-of', 'VRT', ...args);
  const items = Object.entries(LIES)
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

/** Metadata of the bands as GDAL reads them from the bytes. */
async function bandMetadata(path: string): Promise<Record<string, string>[]> {
  const { stdout } = await execa('gdalinfo', ['-json', path], { env: { GDAL_PAM_ENABLED: 'NO' } });
  return (JSON.parse(stdout) as { bands: { metadata: { '': Record<string, string> } }[] }).bands.map(
    ({ metadata }) => metadata[''],
  );
}

test('statistics that come with the file are neither believed nor kept; other metadata are', async () => {
  const honest = await landing.ingest({ path: await landing.upload(LANDSAT), format: 'GTiff' }, {}, 'ehrlich');
  const liar = await lying('lügt.tif', LANDSAT);
  expect((await bandMetadata(liar))[0]).toMatchObject(LIES);
  const { asset, path } = await landing.ingest({ path: await landing.upload(liar), format: 'GTiff' }, {}, 'lügt');
  expect(asset.raster?.bands).toEqual(honest.asset.raster?.bands);
  expect(await bandMetadata(path)).toEqual([1, 2, 3].map(() => ({ Höhe: 'über <NN>' })));
});

test('they are counted anew with another nodata value, and a band without a value has none', async () => {
  const path = await landing.upload(await lying('anders.tif', LANDSAT));
  const { asset } = await landing.ingest({ path, format: 'GTiff' }, { nodata: 255 });
  expect(asset.raster?.bands[0]?.statistics).toMatchObject({ minimum: 25, maximum: 233 });
  const empty = await landing.upload(
    await lying('nichts.tif', LANDSAT, '-b', '1', '-scale', '0', '1', '7', '7', '-a_nodata', '7'),
  );
  expect((await landing.ingest({ path: empty, format: 'GTiff' })).asset.raster?.bands[0]?.statistics).toBeNull();
});

test('those of an .aux.xml in an archive are not read either', async () => {
  const made = await landing.make('beide.tif', LANDSAT);
  await writeFile(
    `${made}.aux.xml`,
    `<PAMDataset><PAMRasterBand band="1"><Description>fremd</Description><Metadata><MDI key="STATISTICS_MEAN">-9999</MDI></Metadata></PAMRasterBand></PAMDataset>`,
  );
  const zip = await landing.zip('beide.zip', made, `${made}.aux.xml`);
  const { asset, path } = await landing.ingest({ path: await landing.upload(zip), format: 'GTiff' });
  expect(asset.raster?.bands[0]).toMatchObject({
    description: null,
    statistics: { mean: expect.closeTo(60.8, 1) as number },
  });
  expect((await bandMetadata(path))[0]).toBeUndefined();
});

test('what takes their place is as long', () => {
  const text =
    '<GDALMetadata>\n  <Item name="note" sample="0">a</Item>\n  <Item name="STATISTICS_MEAN" sample="0">-9999</Item>\n</GDALMetadata>\n';
  expect(blankStatistics(text)).toBe(
    `<GDALMetadata>\n  <Item name="note" sample="0">a</Item>\n  ${' '.repeat('<Item name="STATISTICS_MEAN" sample="0">-9999</Item>'.length)}\n</GDALMetadata>\n`,
  );
});
