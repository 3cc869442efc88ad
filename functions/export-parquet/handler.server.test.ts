import { readdirSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SluiceEvent } from '#shared/events/event.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import { assetKey } from '#shared/contracts/object-keys.ts';
import { handler as recordLineage } from '../record-lineage/handler.ts';
import { claimStep } from '../../tests/loaded-run.ts';
import { handler } from './handler.ts';
import { openTabularFixture, readAsset, type TabularFixture } from '../../tests/fixtures/tabular.ts';
import { assetIdOf } from './asset-draft.ts';

let fixture: TabularFixture;
beforeAll(async () => {
  fixture = await openTabularFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

const FILE = { name: 'preise é #1.csv', body: 'id,preis\n1,1.5\n2,2.5\n' };
const assetIds = (event: SluiceEvent | undefined) => (event?.data as { asset_ids: string[] }).asset_ids;
const reused = (event: SluiceEvent | undefined) => (event?.data as { reused: boolean }).reused;

async function keys(prefix: string): Promise<string[]> {
  const found: string[] = [];
  for await (const { key } of fixture.context.objects.list('data-lake', prefix)) found.push(key);
  return found;
}

test('uploads the file and registers the asset; a repeated event changes nothing', async () => {
  const { context } = fixture;
  const { run, requested } = await fixture.startRun([FILE], { datasetId: 'Straßen-é' });
  const exported = await handler(requested, context);
  expect(exported).toMatchObject({
    type: 'sluice.asset.exported',
    subject: run.run_id,
    data: { asset_ids: [assetIdOf(run.run_id)], reused: false },
  });
  const { asset, metadata, bytes } = await readAsset(context, assetIdOf(run.run_id));
  expect(asset).toMatchObject({
    dataset_id: 'Straßen-é',
    version: 1,
    kind: 'tabular',
    run_id: run._id,
    row_count: 2,
    size_bytes: bytes.length,
    sources: [
      {
        path: expect.stringContaining('preise é #1.csv') as string,
        format: 'CSV',
        layer: null,
        crs: null,
        row_count: 2,
      },
    ],
  });
  expect(await context.objects.head('data-lake', asset.s3_key)).toMatchObject({
    size: asset.size_bytes,
    contentType: 'application/vnd.apache.parquet',
    metadata: { mongodb_doc_id: asset._id, run_id: run._id, content_hash: asset.content_hash },
  });
  const chunks = metadata.row_groups[0]?.columns.map(({ meta_data }) => meta_data) ?? [];
  expect(
    chunks.map((chunk) => [
      chunk?.codec,
      chunk?.statistics?.min_value,
      chunk?.statistics?.max_value,
      chunk?.statistics?.null_count,
    ]),
  ).toEqual([
    ['ZSTD', 1n, 2n, 0n],
    ['ZSTD', 1.5, 2.5, 0n],
  ]);
  expect(await handler(requested, context)).toEqual(exported);
  expect(await keys('Straßen-é/')).toEqual([asset.s3_key]);
  expect(readdirSync(scratchRoot(context.env))).toEqual([]);
});

test('the same files with the same parameters reuse the asset, unless force is set or the order differs', async () => {
  const ingest = async (files: { name: string; body: string }[], options = {}) => {
    const { requested } = await fixture.startRun(files, { datasetId: 'same', ...options });
    const exported = await handler(requested, fixture.context);
    if (exported !== undefined) await recordLineage(exported, fixture.context); // Only complete assets are linked.
    return exported;
  };
  const other = { name: 'b.csv', body: 'id,preis\n3,3.5\n' };
  const first = await ingest([FILE, other]);
  expect(await ingest([{ ...FILE, name: 'renamed.csv' }, other])).toMatchObject({
    data: { asset_ids: assetIds(first), reused: true },
  });
  for (const options of [{ metadata: { force: true } }, { tabular: { columns: { id: 'text' as const } } }])
    expect(reused(await ingest([FILE, other], options))).toBe(false);
  expect(reused(await ingest([other, FILE]))).toBe(false);
  const forced = await ingest([FILE, other], { metadata: { force: true } });
  const [a, b] = await Promise.all(
    [first, forced].map((event) => readAsset(fixture.context, assetIds(event)[0] ?? '')),
  );
  expect(a?.asset.content_hash).toBe(b?.asset.content_hash);
});

test('the object and the scratch files of a worker that crashed after its upload are deleted', async () => {
  const { context } = fixture;
  const { run, requested } = await fixture.startRun([FILE], { datasetId: 'died' });
  const dead = await claimStep(context.ledger, run.run_id, 'export-parquet', 0);
  await context.objects.put('data-lake', assetKey(run, dead.token, '.parquet'), 'half a file');
  const folder = join(scratchRoot(context.env), `${run.run_id}.export-parquet.${dead.token}`);
  await mkdir(folder);
  await writeFile(join(folder, 'asset.parquet'), 'half');
  const { asset } = await readAsset(context, assetIds(await handler(requested, context))[0] ?? '');
  expect(await keys('died/')).toEqual([asset.s3_key]);
  expect(readdirSync(scratchRoot(context.env))).toEqual([]);
});

test('a worker with a stale claim registers nothing and leaves no object', async () => {
  const { context } = fixture;
  const { run, requested } = await fixture.startRun([FILE], { datasetId: 'lost' });
  const ledger = new Proxy(context.ledger, {
    get: (target, name) =>
      name === 'registerAsset'
        ? async (...args: Parameters<typeof target.registerAsset>) => {
            await target.endRun(run.run_id, 'canceled', null);
            return target.registerAsset(...args);
          }
        : (Reflect.get(target, name) as (...args: unknown[]) => unknown).bind(target),
  });
  expect(await handler(requested, { ...context, ledger })).toBeUndefined();
  expect(await context.ledger.getAsset(assetIdOf(run.run_id))).toBeUndefined();
  expect(await keys('lost/')).toEqual([]);
});

test('a cancellation interrupts DuckDB', async () => {
  const { context } = fixture;
  // Seconds of work: six million numbers.
  const row = Array.from({ length: 60 }, (_, n) => `${n}.5`).join(',');
  const { run, requested } = await fixture.startRun([{ name: 'wide.csv', body: `${row}\n`.repeat(100_000) }], {
    datasetId: 'canceled',
    tabular: { header: false },
  });
  const working = handler(requested, context);
  const folder = () => readdirSync(scratchRoot(context.env)).find((name) => name.startsWith(run.run_id));
  const isStaged = () =>
    folder() !== undefined && readdirSync(join(scratchRoot(context.env), folder() ?? '', '0')).join() === 'rows';
  await expect
    .poll(
      () => {
        try {
          return isStaged();
        } catch {
          return false;
        }
      },
      { timeout: 30_000, interval: 20 },
    )
    .toBe(true);
  await context.ledger.endRun(run.run_id, 'canceled', null);
  expect(await working).toBeUndefined();
  const ended = await context.ledger.getRun(run.run_id);
  expect(ended?.steps[0]).toMatchObject({ status: 'failed', reply: null });
  expect(await keys('canceled/')).toEqual([]);
});
