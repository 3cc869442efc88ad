import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AssetDetailView } from '#shared/api/views.ts';
import { runSluice } from '../fixtures/command-line.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';

/** The tabular lane through the command line of a running Sluice. The asset is downloaded by its URL. */

/** Municipalities, with semicolons, decimal commas, codes with leading zeros, and one row that is too short. */
const GEMEINDEN = 'bfs;größe;Einwohner\n0261;87,88;443037\n0351;51,62;\n6621;"15,93";203951\n9999\n';

let sluice: TestSluice;
let folder: string;
beforeAll(async () => {
  [sluice, folder] = await Promise.all([startTestSluice(), mkdtemp(join(tmpdir(), 'sluice tables #é '))]);
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function ingest(name: string, body: string | Buffer, ...options: string[]) {
  const path = join(folder, name);
  await writeFile(path, body);
  const result = await runSluice(sluice.url, ['ingest', path, ...options]);
  return {
    ...result,
    json: () =>
      JSON.parse(result.stdout) as {
        run_id: string;
        status: string;
        reused: boolean;
        batch_id: string;
        asset: { id: string; url: string; version: number };
      },
  };
}

const rowsAt = async (url: string) => parquetReadObjects({ file: await (await fetch(url)).arrayBuffer(), compressors });
const assetAt = async (id: string) => (await (await fetch(`${sluice.url}/api/assets/${id}`)).json()) as AssetDetailView;

test('a CSV becomes a Parquet asset with lineage and catalog, its manifest is archived, and a repeat reuses the asset', async () => {
  const options = ['--dataset', 'gemeinden', '--intent', 'ingest_tabular', '--decimal', ',', '--json'];
  const first = await ingest('Gemeinden 2024 #1.csv', GEMEINDEN, ...options);
  expect(first.exitCode, first.stderr + first.stdout).toBe(0);
  const { run_id, asset, batch_id } = first.json();
  expect(await rowsAt(asset.url)).toEqual([
    { bfs: '0261', größe: 87.88, Einwohner: 443037n },
    { bfs: '0351', größe: 51.62, Einwohner: null },
    { bfs: '6621', größe: 15.93, Einwohner: 203951n },
  ]);
  const detail = await assetAt(asset.id);
  expect(detail).toMatchObject({
    kind: 'tabular',
    version: 1,
    crs: null,
    bbox: null,
    geometry_types: [],
    row_count: 3,
    rejected_rows: { count: 1, sample: [{ line: 5, reason: 'has 1 value instead of 3' }] },
    columns: [
      { name: 'bfs', type: 'text' },
      { name: 'größe', type: 'double precision' },
      { name: 'Einwohner', type: 'bigint' },
    ],
  });
  const item: unknown = JSON.parse(
    (await sluice.context.objects.readBytes('data-lake', detail.stac_key ?? '', { maxBytes: 2 ** 20 })).toString(),
  );
  expect(item).toMatchObject({ geometry: null, properties: { 'table:row_count': 3, 'table:columns': detail.columns } });
  expect(
    (await sluice.context.ledger.listLineage(asset.id)).map(({ source, recipe }) => [source.kind, recipe]),
  ).toEqual([['file', 'tabular']]);
  expect((await sluice.context.ledger.getRun(run_id))?.steps.map(({ name, status }) => `${name} ${status}`)).toEqual([
    'export-parquet done',
    'record-lineage done',
    'archive done',
  ]);
  expect(await sluice.context.ledger.findManifestByBatch(batch_id)).toMatchObject({
    status: 'success',
    archive_key: expect.stringMatching(/^archive\//) as string,
  });

  const again = await ingest('renamed.csv', GEMEINDEN, ...options);
  expect(again.json()).toMatchObject({ status: 'success', reused: true, asset: { id: asset.id } });
});

test('tables are recognized by their file names', async () => {
  const { exitCode, stdout, stderr } = await ingest(
    'preise é.csv.gz',
    gzipSync('id,preis\n1,2.5\n'),
    '--dataset',
    'preise',
  );
  expect(exitCode, stderr).toBe(0);
  expect(stdout).toMatch(/preise, version 1\n {2}Rows +1\n {2}Columns +id \(bigint\), preis \(double precision\)\n/);
});

test('a table that cannot be read fails the run with the line', async () => {
  const { exitCode, stderr, stdout } = await ingest(
    'kaputt.csv',
    GEMEINDEN,
    '--dataset',
    'kaputt',
    '--intent',
    'ingest_tabular',
    '--max-rejected',
    '0',
  );
  expect(exitCode).toBe(1);
  expect(stdout + stderr).toMatch(
    /ROWS_REJECTED: 1 of 4 rows of .*kaputt\.csv cannot be read; at most 0 may be rejected/,
  );
  expect(stdout + stderr).toContain('rejected (--max-rejected): line 5 has 1 value instead');
  expect(await sluice.context.ledger.listAssets({ dataset_id: 'kaputt' })).toEqual([]);
});
