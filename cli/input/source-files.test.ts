import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { zipOf } from '../../tests/chaos/archive.ts';
import { findSourceFiles, guessFileFormat } from './source-files.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'source é #'));
  for (const name of [
    'Straßen.SHP',
    'straßen.dbf',
    'Straßen.Shx',
    'Straßen.prj',
    'Straßen.SHP.xml',
    'andere.dbf',
    'a.csv',
    'a.prj',
    'Höhe.TIF',
    'Höhe.tfw',
    'Höhe.tif.aux.xml',
    'Höhe.TIF.msk',
    'Höhe.TIF.ovr',
    'höhe.PRJ',
  ])
    await writeFile(join(folder, name), '12345');
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const find = async (names: string[], declared = {}) =>
  (
    await findSourceFiles(
      names.map((name) => join(folder, name)),
      declared,
    )
  ).map(({ path, format, type, parts }) => ({
    name: basename(path),
    format,
    type,
    parts: parts.map((part) => basename(part.path)).sort(),
  }));

test('a shapefile includes its parts, regardless of case', async () => {
  const shapefile = {
    name: 'Straßen.SHP',
    format: 'ESRI Shapefile',
    type: 'vector',
    parts: ['Straßen.SHP', 'Straßen.SHP.xml', 'Straßen.Shx', 'Straßen.prj', 'straßen.dbf'],
  };
  expect(await find(['Straßen.SHP'])).toEqual([shapefile]);
  expect(await find(['straßen.dbf', 'Straßen.SHP', 'Straßen.SHP.xml', 'Straßen.prj'])).toEqual([shapefile]);
});

test('a raster includes its world file, CRS, metadata and mask', async () => {
  expect(await find(['Höhe.TIF'])).toEqual([
    {
      name: 'Höhe.TIF',
      format: 'GTiff',
      type: 'raster',
      parts: ['Höhe.TIF', 'Höhe.TIF.msk', 'Höhe.tfw', 'Höhe.tif.aux.xml', 'höhe.PRJ'],
    },
  ]);
  expect(await find(['andere.dbf'], { format: 'NC' })).toMatchObject([{ format: 'NC', type: 'raster' }]);
});

test('declared format and type take precedence over the name', async () => {
  expect(await find(['a.csv'], { type: 'tabular' })).toEqual([
    { name: 'a.csv', format: 'CSV', type: 'tabular', parts: ['a.csv'] },
  ]);
  expect(await find(['andere.dbf'], { format: 'ESRI Shapefile' })).toMatchObject([
    { format: 'ESRI Shapefile', type: 'vector' },
  ]);
});

test('rejects missing files and names without a format', async () => {
  await expect(find(['nö.shp'])).rejects.toMatchObject({
    code: 'REQUEST_INVALID',
    message: `${join(folder, 'nö.shp')} does not exist.`,
  });
  await expect(find(['andere.dbf'])).rejects.toMatchObject({ code: 'FORMAT_NOT_SUPPORTED' });
});

test.each([
  [
    'höhen.zip',
    { 'N50E007.hgt': 'x', 'N50E008.hgt': 'x' },
    /contains no file .* It contains N50E007\.hgt, N50E008\.hgt\. Convert it to GeoTIFF/,
  ],
  ['readme.zip', { 'a/readme.md': 'x' }, /It contains a\/readme\.md\. Set --format\./],
  ['preise.xls', 'x', /no extension of a supported format .* Save the workbook as \.xlsx\./],
])('the error for %s states what to do', async (name, content, message) => {
  const folder = mkdtempSync(join(tmpdir(), 'sluice guess #é '));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const path = join(folder, name);
  writeFileSync(path, typeof content === 'string' ? content : zipOf(content));
  await expect(guessFileFormat(path)).rejects.toMatchObject({
    code: 'FORMAT_NOT_SUPPORTED',
    message: expect.stringMatching(message) as string,
  });
});
