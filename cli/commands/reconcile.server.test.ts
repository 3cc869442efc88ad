import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import { repairCatalog } from '#shared/reconcile/reconcile.ts';
import type { Reconciliation } from '#shared/reconcile/reconcile.ts';
import { runSluice } from '../../tests/fixtures/command-line.ts';
import { type TestSluice, startTestSluice } from '../../tests/running-sluice.ts';

const COUNTRIES = fileURLToPath(new URL('../../gateway/console/sample/countries.zip', import.meta.url));

let sluice: TestSluice;
beforeAll(async () => {
  sluice = await startTestSluice();
  for (const dataset of ['länder', 'gone', 'changed']) await run(['ingest', COUNTRIES, '--dataset', dataset]);
});
afterAll(() => sluice[Symbol.asyncDispose]());

const run = (args: string[]) => runSluice(sluice.url, args);
const reconcile = async (...args: string[]) => {
  const { stdout, exitCode } = await run(['reconcile', ...args, '--json']);
  return { exitCode, report: JSON.parse(stdout) as Reconciliation };
};
const assetOf = async (dataset_id: string) =>
  (await sluice.context.ledger.listAssets({ dataset_id }))[0] as AssetDocument;

test('an unchanged lake agrees with the ledger', async () => {
  expect(await reconcile('--deep')).toMatchObject({
    exitCode: 0,
    report: { agrees: true, deep: true, assets: 3, findings: [] },
  });
  const { stdout, exitCode } = await run(['reconcile']);
  expect([exitCode, stdout]).toEqual([0, expect.stringMatching(/^Ledger and lake agree \(3 assets, \d+ objects\)\.$/)]);
});

test('finds catalog documents that differ from the ledger, and writes missing ones again', async () => {
  const { context } = sluice;
  const item = (await assetOf('länder')).stac_key ?? '';
  const iso = `${(await assetOf('gone')).s3_key}.iso.json`;
  for (const key of ['catalog.json', 'gone/collection.json', iso]) await context.objects.delete('data-lake', key);
  const stored = JSON.parse(
    (await context.objects.readBytes('data-lake', item, { maxBytes: 1e6 })).toString(),
  ) as object;
  await context.objects.put('data-lake', item, JSON.stringify({ ...stored, bbox: [0, 0, 1, 1] }));

  const { report, exitCode } = await reconcile('--deep');
  expect([exitCode, report.findings.map(({ kind, key }) => `${kind} ${key}`).sort()]).toEqual([
    1,
    [
      'catalog_changed länder/v1.json',
      'catalog_missing catalog.json',
      'catalog_missing gone/collection.json',
      `record_missing ${iso}`,
    ],
  ]);
  expect((await run(['reconcile'])).stdout).toMatch(
    /catalog\.json +missing document of the catalog +None\. monitor-runs writes it within an hour\./,
  );

  await context.objects.delete('data-lake', item);
  expect(await repairCatalog(context, new AbortController().signal)).toBe(4);
  expect(await reconcile('--deep')).toMatchObject({ exitCode: 0, report: { findings: [] } });
  expect(await repairCatalog(context, new AbortController().signal)).toBe(0);
});

test('finds objects that were added, deleted or changed without the ledger', async () => {
  const { objects, ledger } = sluice.context;
  const [gone, changed] = [await assetOf('gone'), await assetOf('changed')];
  await objects.put('data-lake', 'fremd é #1.txt', 'x');
  await objects.delete('data-lake', gone.s3_key);
  const head = await objects.head('data-lake', changed.s3_key);
  await objects.put('data-lake', changed.s3_key, Buffer.alloc(changed.size_bytes), {
    metadata: { ...head?.metadata, content_hash: 'x' },
  });
  await objects.delete('data-lake', changed.stac_key ?? '');

  const shallow = await reconcile();
  expect([shallow.exitCode, shallow.report.agrees]).toEqual([1, false]);
  const kinds = ({ findings }: Reconciliation) => findings.map(({ kind, key }) => `${kind} ${key}`).sort();
  const expected = [
    `object_missing ${gone.s3_key}`,
    'object_unregistered fremd é #1.txt',
    `record_missing ${changed.stac_key}`,
  ];
  expect(kinds(shallow.report)).toEqual(expected);

  const deep = await reconcile('--deep');
  expect(kinds(deep.report)).toEqual(
    [`object_changed ${changed.s3_key}`, `object_changed ${changed.s3_key}`, ...expected].sort(),
  );
  expect(deep.report.findings).toContainEqual(
    expect.objectContaining({ field: 'content_hash', expected: changed.content_hash }),
  );
  expect(deep.report.findings).toContainEqual(
    expect.objectContaining({ field: 'metadata.content_hash', expected: changed.content_hash, found: 'x' }),
  );

  const { stdout } = await run(['reconcile']);
  expect(stdout).toMatch(
    /^Ledger and lake differ: 3 discrepancies \(3 assets, \d+ objects\)\.\n\nOBJECT +PROBLEM +ACTION/,
  );
  expect(stdout).toMatch(/missing object of gone, version 1 +Restore it, or rerun its run with --force\./);
  expect(stdout).toMatch(/missing document of changed, version 1 +None\. monitor-runs writes it within an hour\./);

  // An object that an ended run uploaded late.
  const run_id = (await ledger.listRuns({ dataset_id: 'länder' }))[0]?.run_id ?? '';
  await objects.put('data-lake', `länder/${run_id}/9/spät.parquet`, 'x');
  expect(kinds((await reconcile()).report)).toEqual(
    [...expected, `object_unregistered länder/${run_id}/9/spät.parquet`].sort(),
  );
});

test('an invalid query is rejected', async () => {
  expect((await fetch(`${sluice.url}/api/reconcile?deep=maybe`)).status).toBe(400);
});
