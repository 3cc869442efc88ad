import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { fromArrayBuffer } from 'geotiff';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AssetDetailView } from '#shared/api/views.ts';
import { inconsistencies } from '../lake-consistency.ts';
import { runSluice } from '../fixtures/command-line.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';

/** The raster lane through the command line of a running Sluice. The asset is downloaded by its URL. */

const data = (name: string) => fileURLToPath(new URL(`../data/raster/${name}`, import.meta.url));

let sluice: TestSluice;
let folder: string;
beforeAll(async () => {
  [sluice, folder] = await Promise.all([startTestSluice(), mkdtemp(join(tmpdir(), 'sluice rasters #é '))]);
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface Asset {
  id: string;
  dataset_id: string;
  url: string;
  version: number;
}

const run = (...args: string[]) => runSluice(sluice.url, args);

async function ingest(...args: string[]) {
  const result = await run('ingest', ...args, '--json');
  return {
    ...result,
    document: JSON.parse(result.stdout) as {
      run_id: string;
      status: string;
      reused: boolean;
      asset: Asset;
      assets?: Asset[];
      error: { code: string } | null;
    },
  };
}

test('a GeoTIFF becomes a COG with lineage and catalog, and a repeat reuses the asset', async () => {
  const path = join(folder, 'Höhe 🌳 #1.tif');
  await copyFile(data('olinda_dem_utm25s.tif'), path);
  const { document, exitCode, stderr } = await ingest(path, '--dataset', 'höhe', '--crs', 'EPSG:31985');
  expect(exitCode, stderr).toBe(0);
  expect(Object.keys(document)).toEqual(['run_id', 'batch_id', 'status', 'steps', 'asset', 'reused', 'error']);
  expect(document.asset).toMatchObject({
    dataset_id: 'höhe',
    version: 1,
    crs: 'EPSG:31985',
    row_count: null,
    raster: { width: 111, height: 111 },
  });
  const image = await (await fromArrayBuffer(await (await fetch(document.asset.url)).arrayBuffer())).getImage();
  expect([image.getWidth(), image.getTileWidth(), image.getGeoKeys()?.ProjectedCSTypeGeoKey]).toEqual([
    111, 512, 31985,
  ]);
  const detail = (await (await fetch(`${sluice.url}/api/assets/${document.asset.id}`)).json()) as AssetDetailView;
  const item: unknown = JSON.parse(
    (await sluice.context.objects.readBytes('data-lake', detail.stac_key ?? '', { maxBytes: 2 ** 20 })).toString(),
  );
  expect(item).toMatchObject({
    bbox: detail.bbox,
    properties: { 'proj:code': 'EPSG:31985', 'proj:bbox': detail.native_bbox, 'proj:shape': [111, 111] },
    assets: { data: { bands: [{ data_type: 'float32' }] } },
  });
  expect(
    (await sluice.context.ledger.getRun(document.run_id))?.steps.map(({ name, status }) => `${name} ${status}`),
  ).toEqual(['export-cog done', 'record-lineage done', 'archive done']);

  await copyFile(path, join(folder, 'andere.tif'));
  expect((await ingest(join(folder, 'andere.tif'), '--dataset', 'höhe', '--crs', 'EPSG:31985')).document).toMatchObject(
    { reused: true, asset: { id: document.asset.id } },
  );
});

test('the command line prints pixels and bands of each asset', async () => {
  const { stdout, exitCode } = await run(
    'ingest',
    data('landsat.tif'),
    data('sub.nc'),
    '--dataset',
    'viele',
    '--layer',
    'u',
    '--crs',
    'EPSG:4326',
  );
  expect([exitCode, stdout]).toMatchObject([1, expect.stringContaining('failure')]);
  const both = await run('ingest', data('landsat.tif'), data('lc.tif'), '--dataset', 'viele');
  expect(both.exitCode, both.stderr).toBe(0);
  expect(both.stdout).toMatch(
    /viele\.landsat, version 1\n {2}Pixels +160 x 200, each 28\.5 x 28\.5\n {2}Bands +Byte \d+ to 255; Byte \d+ to 255; Byte \d+ to 255\n {2}CRS +EPSG:31985\n/,
  );
  expect(both.stdout).toContain('viele.lc, version 1');
});

test('options become parameters; raster options are rejected for other files', async () => {
  const west = join(folder, 'west.tif');
  const east = join(folder, 'ost.tif');
  await execa('gdal_translate', ['-q', '-srcwin', '0', '0', '100', '200', data('landsat.tif'), west]);
  await execa('gdal_translate', ['-q', '-srcwin', '80', '0', '80', '200', data('landsat.tif'), east]);
  const { document } = await ingest(
    west,
    east,
    '--dataset',
    'mosaik',
    '--mosaic',
    '--target-crs',
    'EPSG:4326',
    '--resampling',
    'cubic',
    '--nodata',
    '0',
    '--compression',
    'zstd',
  );
  expect(document).toMatchObject({
    status: 'success',
    asset: {
      dataset_id: 'mosaik',
      crs: 'EPSG:4326',
      raster: { compression: 'zstd', bands: [{ nodata: 0 }, { nodata: 0 }, { nodata: 0 }] },
    },
  });
  const several = await ingest(west, east, '--dataset', 'einzeln');
  expect(several.document.assets?.map(({ dataset_id }) => dataset_id)).toEqual(['einzeln.west', 'einzeln.ost']);
  const vector = await run(
    'ingest',
    fileURLToPath(new URL('../data/vector/nc.shp', import.meta.url)),
    '--dataset',
    'nc',
    '--mosaic',
  );
  expect([vector.exitCode, vector.stderr]).toMatchObject([2, expect.stringContaining('--mosaic has no effect')]);
});

test('a file with external references fails the run, and the lake stays consistent', async () => {
  const { document, exitCode } = await ingest(data('external-storage.nc'), '--dataset', 'fremd', '--crs', 'EPSG:4326');
  expect([exitCode, document]).toMatchObject([1, { status: 'failure', error: { code: 'FILE_FORBIDDEN_CONTENT' } }]);
  expect(await inconsistencies(sluice.context)).toEqual([]);
});
