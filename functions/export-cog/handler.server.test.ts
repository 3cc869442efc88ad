import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { makeEvent } from '#shared/events/event.ts';
import { runCanceled, runRequested } from '#shared/events/run-events.ts';
import type { Gdal } from '#shared/gdal/gdal.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import { assetKey } from '#shared/contracts/object-keys.ts';
import { claimStep } from '../../tests/loaded-run.ts';
import { handler as archive } from '../archive/handler.ts';
import { handler as recordLineage } from '../record-lineage/handler.ts';
import { handler } from './handler.ts';
import { type RasterFixture, openRasterFixture, rasterFile } from '../../tests/fixtures/raster.ts';

let landing: RasterFixture;
beforeAll(async () => {
  landing = await openRasterFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const DEM = rasterFile('olinda_dem_utm25s.tif');

async function keys(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of landing.context.objects.list('data-lake', prefix)) found.push(key);
  return found;
}

test('creates a COG and registers it with its metadata', async () => {
  const path = await landing.upload(DEM, 'b1/Höhe #1 é.tif');
  const { asset, cog, run, event } = await landing.ingest({ path, format: 'GeoTIFF' }, {}, 'höhe');
  expect(event.reused).toBe(false);
  expect(asset).toMatchObject({
    dataset_id: 'höhe',
    version: 1,
    kind: 'raster',
    crs: expect.stringMatching(/UTM Zone 25/) as string,
    row_count: null,
    columns: [],
    geometry_types: [],
    s3_key: expect.stringMatching(/^höhe\/.*\/höhe\.tif$/) as string,
    raster: {
      width: 111,
      height: 111,
      block_size: [512, 512],
      overviews: [],
      compression: 'deflate',
      bands: [{ data_type: 'Float32', nodata: null, statistics: { minimum: -1, maximum: 88 } }],
    },
    recipe: {
      name: 'cog',
      parameters: { predictor: 'YES', overview_resampling: 'average', categorical: false },
      steps: ['TranslateToCog'],
    },
    sources: [
      {
        path,
        format: 'GTiff',
        layer: null,
        row_count: null,
        sha256: expect.stringMatching(/^[0-9a-f]{64}$/) as string,
      },
    ],
    software: {
      Sluice: expect.any(String) as string,
      GDAL: expect.stringMatching(/^\d+\.\d+/) as string,
      PROJ: expect.stringMatching(/^\d+\.\d+/) as string,
    },
  });
  const image = await cog.getImage();
  expect([image.getWidth(), image.getTileWidth(), image.getBoundingBox()]).toEqual([111, 512, asset.native_bbox]);
  expect(asset.bbox).toEqual([-34.92, -8.04, -34.83, -7.95].map((degrees) => expect.closeTo(degrees, 2) as number));
  const head = await landing.context.objects.head('data-lake', asset.s3_key);
  expect(head).toMatchObject({
    size: asset.size_bytes,
    contentType: 'image/tiff; application=geotiff; profile=cloud-optimized',
    metadata: { mongodb_doc_id: asset._id, run_id: run._id, content_hash: asset.content_hash },
  });
  expect(readdirSync(scratchRoot(landing.context.env))).toEqual([]);
  // A second delivery returns the recorded reply and creates nothing.
  expect((await handler(runRequested(run), landing.context))?.data).toEqual(event);
  expect(await keys('höhe/')).toEqual([asset.s3_key]);
});

test('links the asset of the same input under any file name; other parameters, another declaration or force create another asset', async () => {
  const path = await landing.upload(DEM);
  const first = await landing.ingest({ path, format: 'GTiff' }, {}, 'same');
  await recordLineage(makeEvent('sluice.asset.exported', first.run.run_id, first.event), landing.context);
  const second = await landing.ingest(
    { path: await landing.upload(DEM, 'anderer Name.tif'), format: 'GTiff' },
    {},
    'same',
  );
  expect(second.event).toMatchObject({ asset_ids: [first.asset._id], reused: true });
  expect((await landing.ingest({ path, format: 'GTiff' }, { compression: 'lzw' }, 'same')).asset.version).toBe(2);
  expect((await landing.ingest({ path, format: 'GTiff', crs: 'EPSG:32725' }, {}, 'same')).asset.version).toBe(3);
  const forced = await landing.exportRun(await landing.admit({ path, format: 'GTiff' }, { force: true }, 'same'));
  expect(forced.asset).toMatchObject({ version: 4, content_hash: first.asset.content_hash });
});

test('creates the asset again when its object was deleted', async () => {
  const path = await landing.upload(DEM);
  const first = await landing.ingest({ path, format: 'GTiff' }, {}, 'gone');
  await recordLineage(makeEvent('sluice.asset.exported', first.run.run_id, first.event), landing.context);
  await landing.context.objects.delete('data-lake', first.asset.s3_key);
  expect((await landing.ingest({ path, format: 'GTiff' }, {}, 'gone')).event.reused).toBe(false);
});

test('gives each of several files its own object, for any file names', async () => {
  const named = [
    [DEM, 'x/a.tif'],
    [rasterFile('landsat.tif'), 'y/a.tif'],
    [rasterFile('lc.tif'), 'z/a-2.tif'],
  ] as const;
  const files = await Promise.all(
    named.map(async ([path, key]) => ({ path: await landing.upload(path, key), format: 'GTiff' })),
  );
  const { assets } = await landing.ingest(files, {}, 'c');
  const found = await Promise.all(
    assets.map(async ({ s3_key }) => (await landing.context.objects.head('data-lake', s3_key))?.metadata),
  );
  expect(found).toEqual(
    assets.map(({ _id, content_hash }) => expect.objectContaining({ mongodb_doc_id: _id, content_hash }) as unknown),
  );
  expect(new Set(assets.map(({ s3_key }) => s3_key)).size).toBe(3);
});

test('creates only the missing assets of several files after a crash', async () => {
  const files = [
    { path: await landing.upload(DEM, 'eins.tif'), format: 'GTiff' },
    { path: await landing.upload(DEM, 'zwei.tif'), format: 'GTiff' },
  ];
  const run = await landing.admit(files, {}, 'half');
  const registered: string[] = [];
  const dying = new Proxy(landing.context.ledger, {
    get: (ledger, name) =>
      name !== 'registerAsset'
        ? (Reflect.get(ledger, name) as () => unknown).bind(ledger)
        : async (...args: Parameters<typeof ledger.registerAsset>) => {
            if (registered.length === 1) throw new Error('killed');
            registered.push(args[1].s3_key);
            return ledger.registerAsset(...args);
          },
  });
  await expect(handler(runRequested(run), { ...landing.context, ledger: dying })).rejects.toThrow('killed');
  const { assets } = await landing.exportRun(run);
  expect(assets.map(({ dataset_id, version }) => [dataset_id, version])).toEqual([
    ['half.eins', 1],
    ['half.zwei', 1],
  ]);
  expect(assets[0]?.s3_key).toBe(registered[0]);
  expect((await keys('half.')).sort()).toEqual(assets.map(({ s3_key }) => s3_key).sort());
});

test('leaves no object and no file of a run that is canceled while GDAL runs', async () => {
  const big = await landing.make('groß.tif', DEM, '-outsize', '3000', '3000', '-r', 'bilinear');
  const run = await landing.admit({ path: await landing.upload(big), format: 'GTiff' }, {}, 'canceled');
  let began: () => void = () => undefined;
  const writing = new Promise<void>((done) => {
    began = done;
  });
  const gdal: Gdal = {
    run: (command, options) => {
      if (command.command === 'gdal_translate') began();
      return landing.context.gdal.run(command, options);
    },
  };
  const working = handler(runRequested(run), { ...landing.context, gdal });
  await writing;
  await landing.context.ledger.endRun(run.run_id, 'canceled', null);
  expect(await working).toBeUndefined();
  expect(await keys('canceled/')).toEqual([]);
  expect(readdirSync(scratchRoot(landing.context.env)).filter((name) => name.startsWith(run.run_id))).toEqual([]);
});

test('deletes the objects and assets of a canceled run from the datasets of all files', async () => {
  const { context } = landing;
  const files = [
    { path: await landing.upload(DEM, 'eins.tif'), format: 'GTiff' },
    { path: await landing.upload(DEM, 'zwei.tif'), format: 'GTiff' },
  ];
  const run = await landing.admit(files, {}, 'weg');
  await landing.exportRun(run);
  await context.objects.put('data-lake', assetKey({ dataset_id: 'weg.zwei', run_id: run.run_id }, 7, '.tif'), 'late');
  const { run: ended } = await context.ledger.endRun(run.run_id, 'canceled', null);
  await archive(runCanceled(ended, 'zoë'), context);
  expect(await keys('weg.')).toEqual([]);
  expect(await context.ledger.listAssets({ dataset_id: 'weg.eins' })).toEqual([]);
});

test('fails without a retry when the file that GDAL wrote is not a valid COG', async () => {
  // Simulates a broken COG driver: GDAL writes a plain GeoTIFF.
  const gdal: Gdal = {
    run: (command, options) =>
      landing.context.gdal.run(
        {
          ...command,
          args: command.args
            .map((arg) => (arg === 'COG' ? 'GTiff' : arg))
            .filter((arg, index, all) => !(arg === '-co' || all[index - 1] === '-co')),
        },
        options,
      ),
  };
  const path = await landing.upload(DEM, 'kaputt é.tif');
  const run = await landing.admit({ path, format: 'GTiff' }, {}, 'kaputt');
  const failed = handler(runRequested(run), { ...landing.context, gdal });
  await expect(failed).rejects.toMatchObject({
    code: 'OUTPUT_INVALID',
    retryable: false,
    details: { file: path },
    message: `GDAL's output for ${path} is not a valid Cloud Optimized GeoTIFF: the image of 111 x 111 is not in tiles of 512.`,
  });
});

test('deletes the object of an attempt that crashed after its upload', async () => {
  const run = await landing.admit({ path: await landing.upload(DEM), format: 'GTiff' }, {}, 'died');
  const dead = await claimStep(landing.context.ledger, run.run_id, 'export-cog', 0);
  await landing.context.objects.put('data-lake', assetKey(run, dead.token, '.tif'), 'half a file');
  const { asset } = await landing.exportRun(run);
  expect(await keys('died/')).toEqual([asset.s3_key]);
});
