import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runSluice } from '../../tests/fixtures/command-line.ts';
import { type TestSluice, startTestSluice } from '../../tests/running-sluice.ts';
import { describeRetention } from './retention.ts';

let sluice: TestSluice;
let folder: string;
beforeAll(async () => {
  sluice = await startTestSluice();
  folder = await mkdtemp(join(tmpdir(), 'sluice retention é #'));
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const run = (...args: string[]) => runSluice(sluice.url, args);
const json = async (...args: string[]) => JSON.parse((await run(...args, '--json')).stdout) as unknown;
const versions = async (dataset: string) =>
  ((await json('assets', '--dataset', dataset)) as { version: number }[]).map(({ version }) => version);

test('reuses the same file; --force creates a version; retention removes old versions and reports them', async () => {
  const file = join(folder, 'Bäume + parks #1.geojson');
  await writeFile(
    file,
    JSON.stringify({
      type: 'FeatureCollection',
      features: [
        { type: 'Feature', properties: { Art: 'Eiche 🌳' }, geometry: { type: 'Point', coordinates: [8, 47] } },
      ],
    }),
  );
  const ingest = (...flags: string[]) => json('ingest', file, '--dataset', 'bäume', ...flags);
  expect(await ingest()).toMatchObject({ reused: false, asset: { version: 1 } });
  expect(await ingest()).toMatchObject({ reused: true, asset: { version: 1 } });
  expect(await ingest('--force')).toMatchObject({ reused: false, asset: { version: 2 } });

  expect((await run('retention', 'bäume')).stdout).toBe('bäume: All versions are kept. The newest is version 2.');
  expect((await run('retention', 'bäume', '--keep', '1', '--operator', 'Zoë 🗺')).stdout).toBe(
    'bäume: Only the newest version is kept. The newest is version 2.\nRemoved: version 1.',
  );
  expect(await versions('bäume')).toEqual([2]);
  expect(await ingest('--force', '--keep-versions', '2')).toMatchObject({ asset: { version: 3 } });
  expect(await versions('bäume')).toEqual([3, 2]);
  expect(await json('retention', 'bäume', '--off')).toMatchObject({
    dataset_id: 'bäume',
    keep_versions: null,
    removed_versions: [],
  });
  const activities = (await json('activity')) as { operator: string; message: string }[];
  expect(activities.map(({ operator, message }) => `${operator}: ${message}`)).toEqual(
    expect.arrayContaining([
      'Zoë 🗺: Zoë 🗺 set the retention rule of bäume: keep only the newest version.',
      'sluice: Version 1 of bäume was removed: the retention rule of the dataset does not keep it.',
    ]),
  );
});

test('unknown datasets and invalid rules are rejected', async () => {
  const unknown = await run('retention', 'niemand', '--keep', '3');
  expect([unknown.exitCode, unknown.stderr]).toEqual([
    2,
    expect.stringMatching(/^DATASET_NOT_FOUND: Dataset "niemand" does not exist\.\n/),
  ]);
  for (const flags of [
    ['--keep', '0'],
    ['--keep', 'x'],
    ['--keep', '1', '--off'],
  ])
    expect((await run('retention', 'bäume', ...flags)).exitCode).toBe(2);
});

test('describes the retention rule', () => {
  const dataset = { dataset_id: 'bäume', created_at: '2026-01-01T00:00:00.000Z', latest_version: 9 };
  expect(describeRetention({ ...dataset, keep_versions: 3, removed_versions: [5, 6] })).toEqual([
    'bäume: The 3 newest versions are kept. The newest is version 9.',
    'Removed: versions 5, 6.',
  ]);
  expect(describeRetention({ ...dataset, latest_version: 0, keep_versions: null })).toEqual([
    'bäume: All versions are kept. There is no version yet.',
  ]);
});
