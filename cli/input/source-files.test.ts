import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findSourceFiles } from './source-files.ts';

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

test('a raster includes its world file and CRS', async () => {
  expect(await find(['Höhe.TIF'])).toEqual([
    { name: 'Höhe.TIF', format: 'GTiff', type: 'raster', parts: ['Höhe.TIF', 'Höhe.tfw', 'höhe.PRJ'] },
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
