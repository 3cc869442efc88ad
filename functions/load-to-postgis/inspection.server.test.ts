import { copyFile, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Inspection } from '#shared/contracts/inspection.ts';
import { inspectionRequested, parseInspection } from '#shared/events/inspection.ts';
import type { Context } from '#shared/runtime/context.ts';
import { loadHandler } from '#shared/runtime/in-process-caller.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import { dataFile } from '../../tests/fixtures/landing.ts';
import { openFunctionContext } from '../../tests/function-context.ts';

/** The description of uploaded files for the upload page, of all three kinds, without a run. */

let context: Context & AsyncDisposable;
let folder: string;
beforeAll(async () => {
  context = await openFunctionContext();
  folder = await mkdtemp(join(tmpdir(), 'sluice inspection é '));
});
afterAll(async () => {
  await context[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const READERS = { vector: 'load-to-postgis', raster: 'export-cog', tabular: 'export-parquet' };

async function inspect(
  files: Record<string, string | Buffer>,
  file: { type: keyof typeof READERS; format: string; layer?: string; crs?: string },
): Promise<Inspection> {
  for (const [name, content] of Object.entries(files))
    await context.objects.put('landing-zone', `uploads/1/${name}`, content);
  const path = `s3://landing-zone/uploads/1/${Object.keys(files)[0]}`;
  const handler = await loadHandler(READERS[file.type]);
  const reply = await handler(inspectionRequested(path, { file: { ...file, path } }, path), context);
  expect(await readdir(scratchRoot(context.env))).toEqual([]);
  return parseInspection(reply!);
}

async function shapefile(name: string): Promise<Record<string, Buffer>> {
  const contents = ['shp', 'shx', 'dbf', 'prj'].map(async (ending) => {
    const content = await readFile(dataFile(`nc.${ending}`));
    return [`${name}.${ending}`, content] as const;
  });
  return Object.fromEntries(await Promise.all(contents));
}

test('describes the layer of a shapefile, with its extent in degrees', async () => {
  const { layers, ...rest } = await inspect(await shapefile('Grafschaften #1'), {
    type: 'vector',
    format: 'ESRI Shapefile',
  });
  expect(rest).toEqual({ chosen: 0, problem: null });
  expect(layers).toEqual([
    {
      name: 'Grafschaften #1',
      geometry_type: 'Polygon',
      row_count: 100,
      column_count: 14,
      columns: expect.arrayContaining(['AREA', 'NAME']) as string[],
      crs: 'EPSG:4267',
      bbox: [-84.324, 33.882, -75.457, 36.59].map((side) => expect.closeTo(side, 2) as number),
    },
  ]);
});

test('lists the layers of a GeoPackage, and which option selects one', async () => {
  const path = join(folder, 'two.gpkg');
  const write = (...args: string[]) => execa('ogr2ogr', ['-f', 'GPKG', ...args, path, dataFile('nc.shp')]);
  await write('-nln', 'Kreise');
  await write('-update', '-nln', 'Kreise "2"', '-t_srs', 'EPSG:32119');
  const files = { 'two.gpkg': await readFile(path) };
  const several = await inspect(files, { type: 'vector', format: 'GPKG' });
  expect(several).toMatchObject({ chosen: null, problem: { code: 'LAYER_AMBIGUOUS' } });
  expect(several.layers.map(({ name, crs, column_count, columns }) => [name, crs, column_count, columns])).toEqual([
    ['Kreise', 'EPSG:4267', 14, []],
    ['Kreise "2"', 'EPSG:32119', 14, []],
  ]);
  expect(several.layers[1]?.bbox?.[0]).toBeCloseTo(-84.3, 0);
  expect(await inspect(files, { type: 'vector', format: 'GPKG', layer: 'Kreise "2"' })).toMatchObject({
    layers: [{ columns: [] }, { columns: expect.arrayContaining(['AREA', 'NAME']) as string[] }],
    chosen: 1,
    problem: null,
  });
});

test('reports a missing and an impossible CRS, and still describes the layer', async () => {
  const { 'a.prj': _, ...files } = await shapefile('a');
  const format = { type: 'vector', format: 'ESRI Shapefile' } as const;
  expect(await inspect(files, format)).toMatchObject({
    chosen: 0,
    layers: [{ row_count: 100, crs: null, bbox: null }],
    problem: { code: 'CRS_MISSING' },
  });
  expect(await inspect(files, { ...format, crs: 'EPSG:25832' })).toMatchObject({
    layers: [{ crs: 'EPSG:25832' }],
    problem: { code: 'CRS_EXTENT_MISMATCH' },
  });
  expect(await inspect(files, { ...format, crs: 'EPSG:4267' })).toMatchObject({ problem: null });
});

test('describes a CSV of points, whose CRS the user has to set', async () => {
  const files = { 'orte.csv': 'name,lon,lat\nÖrtchen,7.1,50.7\nBonn,7.2,50.8\n' };
  const missing = await inspect(files, { type: 'vector', format: 'CSV' });
  expect(missing).toMatchObject({ layers: [{ row_count: 2, columns: ['name', 'lon', 'lat'] }] });
  expect(missing.problem?.code).toBe('CRS_MISSING');
  expect(await inspect(files, { type: 'vector', format: 'CSV', crs: 'EPSG:4326' })).toMatchObject({ problem: null });
});

test('describes a raster, and lists the variables of a file with several', async () => {
  const raster = { 'landsat é.tif': await readFile(dataFile('../raster/landsat.tif')) };
  const { layers } = await inspect(raster, { type: 'raster', format: 'GTiff' });
  expect(layers).toMatchObject([{ crs: 'EPSG:31985', pixels: { bands: 3 } }]);
  expect(layers[0]?.bbox?.[0]).toBeLessThan(layers[0]?.bbox?.[2] ?? 0);
  const several = { 'sub é.nc': await readFile(dataFile('../raster/sub.nc')) };
  expect(await inspect(several, { type: 'raster', format: 'netCDF' })).toMatchObject({
    layers: [{ name: 'u' }, { name: 'v' }],
    chosen: null,
    problem: { code: 'LAYER_AMBIGUOUS' },
  });
});

test('describes a table', async () => {
  expect(await inspect({ 'preise.csv': 'id;preis\n1;2,5\n2;3\n3;\n' }, { type: 'tabular', format: 'CSV' })).toEqual({
    layers: [
      {
        name: null,
        geometry_type: null,
        row_count: 3,
        column_count: 2,
        columns: ['id', 'preis'],
        crs: null,
        bbox: null,
      },
    ],
    chosen: 0,
    problem: null,
  });
});

test('a file that is not of its format is the error that its run would have', async () => {
  const path = join(folder, 'text.gpkg');
  await copyFile(dataFile('nc.prj'), path);
  const files = { 'text.gpkg': await readFile(path) };
  await expect(inspect(files, { type: 'vector', format: 'GPKG' })).rejects.toMatchObject({ code: 'FORMAT_MISMATCH' });
  expect(await readdir(scratchRoot(context.env))).toEqual([]);
});
