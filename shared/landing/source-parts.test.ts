import { expect, test } from 'vitest';
import { rasterFormat } from '#shared/formats/raster-formats.ts';
import { vectorFormat } from '#shared/formats/vector-formats.ts';
import { layerInside, type Source } from './fetch-source.ts';
import { datasetInZip, filePartsOf, stemOf } from './source-parts.ts';

test('finds the parts of a dataset without regard to case, and names missing parts', () => {
  const shapefile = vectorFormat('Shapefile');
  expect(
    filePartsOf(
      shapefile,
      'b/Röads.v2.SHP',
      ['b/Röads.v2.DBF', 'b/Röads.v2.shx', 'b/Röads.v2.Prj', 'b/Röads.dbf', 'b/Röads.v2.shp.xml', 'b/Röads.v2.SHP'],
      'f',
    ).map((part) => part.extension),
  ).toEqual(['.shp', '.dbf', '.prj', '.shx']);
  expect(() => filePartsOf(shapefile, 'a.shp', ['a.shx'], 's3://x/a.shp')).toThrow('s3://x/a.shp lacks .dbf');
  expect(stemOf('.hidden')).toBe('.hidden');
  expect(stemOf('a.b/c')).toBe('a.b/c');
});

test('finds files attached to a raster, whose names begin with its whole name', () => {
  const names = [
    'Höhe.TIF.aux.xml',
    'Höhe.TIF.MSK',
    'Höhe.aux.xml',
    'Höhe.tif.msk',
    'Höhe.TIF.ovr',
    'Höhe.TIF',
    'Höhe.tfw',
  ];
  expect(filePartsOf(rasterFormat('GTiff'), 'Höhe.TIF', names, 'f')).toEqual([
    { name: 'Höhe.TIF', extension: '.tif' },
    { name: 'Höhe.TIF.MSK', extension: '.msk' },
    { name: 'Höhe.TIF.aux.xml', extension: '.aux.xml' },
    { name: 'Höhe.tfw', extension: '.tfw' },
  ]);
});

test('requires a layer for an archive with several datasets', () => {
  const names = ['x/a.shp', 'x/b.shp', '__MACOSX/x/._a.shp', 'x/._b.shp', 'readme.txt'];
  expect(datasetInZip(vectorFormat('SHP'), names, 'b', 'f')).toBe('x/b.shp');
  expect(() => datasetInZip(vectorFormat('SHP'), names, undefined, 'f')).toThrow(
    'f contains 2 datasets: x/a.shp, x/b.shp. Name one with `layer` in the manifest.',
  );
  expect(() => datasetInZip(vectorFormat('SHP'), ['inner.zip'], undefined, 'f')).toThrow(
    'f contains no .shp file; it contains inner.zip.',
  );
});

test('ignores files of operating systems in an archive', () => {
  const names = ['Thumbs.db', 'Straßen #1/thumbs.DB', 'x/__MACOSX/a.db', '__MACOSX/b.db', 'x/._c.db', 'x/wege.db'];
  expect(datasetInZip(vectorFormat('SQLite'), names, undefined, 'f')).toBe('x/wege.db');
  expect(datasetInZip(vectorFormat('SQLite'), ['._ordner/not Thumbs.db'], undefined, 'f')).toBe(
    '._ordner/not Thumbs.db',
  );
});

test('the name of the only dataset of one layer must be that of the layer', () => {
  const select = (format: string, layer: string) =>
    datasetInZip(vectorFormat(format), ['x/a.shp', 'b.gpkg'], layer, 'f');
  expect(select('SHP', 'a')).toBe('x/a.shp');
  expect(select('GPKG', 'roads'), 'a layer in the file').toBe('b.gpkg');
  expect(() => select('SHP', 'roads')).toThrow(
    expect.objectContaining({
      code: 'LAYER_MISSING',
      message: 'f contains the dataset "a", but `layer` in the manifest is "roads". Correct or remove `layer`.',
      details: { file: 'f', layer: 'roads', layers: ['a'] },
    }),
  );
});

test('`layer` names a layer of the file, or the file in its archive', () => {
  const source = (file: string, format: string, layer?: string): Source => ({
    file,
    path: '/scratch/unpacked/a.gpkg',
    format: vectorFormat(format),
    declared: { path: file, type: 'vector', format, layer },
    parts: [],
    sha256: '',
    sizeBytes: 1,
  });
  expect(layerInside(source('x.zip', 'GPKG', 'a'), ['roads'])).toBeUndefined();
  expect(layerInside(source('x.zip', 'GPKG', 'a'), ['roads', 'a'])).toBe('a');
  expect(layerInside(source('x.zip', 'GPKG', 'b'), ['roads'])).toBe('b');
  expect(layerInside(source('a.gpkg', 'GPKG', 'a'), ['roads'])).toBe('a');
  expect(layerInside(source('x.zip', 'CSV', 'a'), ['a'])).toBeUndefined();
  expect(layerInside(source('x.zip', 'GPKG'), ['a'])).toBeUndefined();
});

test('lists the first 20 of many datasets', () => {
  const names = Array.from({ length: 10_000 }, (_, index) => `${index + 10_000}.shp`);
  expect(() => datasetInZip(vectorFormat('SHP'), names, undefined, 'f')).toThrow(
    /^f contains 10000 datasets: 10000\.shp, .*10019\.shp and 9980 more\. Name one with `layer` in the manifest\.$/,
  );
});
