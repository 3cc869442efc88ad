import { open } from 'node:fs/promises';
import { expect, test } from 'vitest';
import { rasterFile } from '../../../tests/fixtures/raster.ts';
import { readTiffDirectories, type TiffDirectory } from '../read/tiff-directories.ts';
import { checkCogLayout } from './check-output.ts';

const image = (fields: Partial<TiffDirectory>): TiffDirectory => ({
  offset: 16,
  end: 500,
  width: 1000,
  height: 900,
  tileWidth: 512,
  tileHeight: 512,
  reducedResolution: false,
  mask: false,
  firstBlock: 5000,
  lastBlock: 9000,
  ...fields,
});
const overview = (fields: Partial<TiffDirectory> = {}) =>
  image({
    offset: 500,
    end: 900,
    width: 500,
    height: 450,
    reducedResolution: true,
    firstBlock: 1000,
    lastBlock: 1000,
    ...fields,
  });

test('accepts a valid layout, with and without a mask', () => {
  expect(checkCogLayout([image({}), overview()])).toEqual([]);
  expect(
    checkCogLayout([image({}), image({ offset: 500, mask: true, firstBlock: 5100 }), overview({ offset: 600 })]),
  ).toEqual([]);
});

test.each([
  ['strips', [image({ tileWidth: 0, tileHeight: 0 }), overview()], 'is not in tiles of 512'],
  ['no overviews', [image({})], 'overviews are missing'],
  ['directories out of order', [image({ offset: 900 }), overview()], 'directories are not in order'],
  ['data before directories', [image({}), overview({ firstBlock: 700 })], 'data precedes the last directory'],
  ['overview data last', [image({}), overview({ firstBlock: 9500, lastBlock: 9500 })], 'data of an overview follows'],
  [
    'an overview that is not marked',
    [image({}), overview({ reducedResolution: false })],
    'is not marked as an overview',
  ],
  ['no image', [], 'it contains no image'],
])('reports %s', (_name, directories, problem) => expect(checkCogLayout(directories).join('; ')).toContain(problem));

test('reports the strips of a plain GeoTIFF, and reads no directories from another format', async () => {
  await using plain = await open(rasterFile('landsat.tif'));
  expect(checkCogLayout((await readTiffDirectories(plain)) ?? [])).toEqual([
    'the image of 160 x 200 is not in tiles of 512',
  ]);
  await using other = await open(rasterFile('sub.nc'));
  expect(await readTiffDirectories(other)).toBeUndefined();
});
