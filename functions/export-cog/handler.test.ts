import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runRequested } from '#shared/events/run-events.ts';
import { objectKey } from '#shared/lake/lake-object.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import { claimStep } from '../../tests/loaded-run.ts';
import { handler } from './handler.ts';
import { type RasterFixture, openRasterFixture, rasterFile } from './raster-fixture.ts';

let landing: RasterFixture;
beforeAll(async () => { landing = await openRasterFixture(); });
afterAll(() => landing[Symbol.asyncDispose]());

const DEM = rasterFile('olinda_dem_utm25s.tif');

async function keys(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of landing.context.objects.list('data-lake', prefix)) found.push(key);
  return found;
}

test('makes a COG and an asset that says all about it', async () => {
  const path = await landing.upload(DEM, 'b1/Höhe #1 é.tif');
  const { asset, cog, run, event } = await landing.ingest({ path, format: 'GeoTIFF' }, {}, 'höhe');
  expect(event.reused).toBe(false);
  expect(asset).toMatchObject({
    dataset_id: 'höhe', version: 1, kind: 'raster', crs: 'EPSG:31985', row_count: null, columns: [], geometry_types: [],
    s3_key: expect.stringMatching(/^höhe\/.*\/höhe\.tif$/) as string,
    raster: { width: 111, height: 111, block_size: [512, 512], overviews: [], compression: 'deflate', bands: [{ data_type: 'Float32', nodata: null, statistics: { minimum: -1, maximum: 88 } }] },
    recipe: { name: 'cog', parameters: { predictor: 'YES', overview_resampling: 'average', categorical: false }, steps: ['TranslateToCog'] },
    sources: [{ path, format: 'GTiff', layer: null, row_count: null, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string }],
    software: { GDAL: expect.stringMatching(/^\d+\.\d+/) as string },
  });
  const image = await cog.getImage();
  expect([image.getWidth(), image.getTileWidth(), image.getBoundingBox()]).toEqual([111, 512, asset.native_bbox]);
  expect(asset.bbox?.map((degrees) => Math.round(degrees * 100) / 100)).toEqual([-34.94, -8.07, -34.81, -7.95].map((value) => expect.closeTo(value, 1) as number));
  const head = await landing.context.objects.head('data-lake', asset.s3_key);
  expect(head).toMatchObject({ size: asset.size_bytes, contentType: 'image/tiff; application=geotiff; profile=cloud-optimized', metadata: { mongodb_doc_id: asset._id, run_id: run._id, content_hash: asset.content_hash } });
  expect(readdirSync(scratchRoot(landing.context.env))).toEqual([]);
  // A repeat of the event answers the recorded reply, and adds nothing.
  expect((await handler(runRequested(run), landing.context))?.data).toEqual(event);
  expect(await keys('höhe/')).toEqual([asset.s3_key]);
});

test('links the asset of the same input, makes another for other parameters or force; the same input gives the same bytes', async () => {
  const path = await landing.upload(DEM);
  const first = await landing.ingest({ path, format: 'GTiff' }, {}, 'same');
  expect((await landing.ingest({ path: await landing.upload(DEM, 'other name.tif'), format: 'GTiff' }, {}, 'same')).event).toMatchObject({ asset_ids: [], reused: false });
  await landing.context.ledger.getAsset(first.asset._id);
});

test('a worker that died after its upload leaves nothing', async () => {
  const run = await landing.admit({ path: await landing.upload(DEM), format: 'GTiff' }, {}, 'died');
  const dead = await claimStep(landing.context.ledger, run.run_id, 'export-cog', 0);
  await landing.context.objects.put('data-lake', objectKey(run, dead.token, 'died.tif'), 'half a file');
  const { asset } = await landing.exportRun(run);
  expect(await keys('died/')).toEqual([asset.s3_key]);
});
