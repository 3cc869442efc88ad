import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { fromFile } from 'geotiff';
import { asyncBufferFromFile, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { RunView } from '#shared/api/views.ts';
import { generateSecrets } from '../../cli/compose/plan-secrets.ts';
import { readGeoParquet } from '../geoparquet.ts';
import { ADMIN, buildImages, Composition, hasCompose, NEEDS_COMPOSE, RUN_TIMEOUT_MS } from './composition.ts';

const BUILD_TIMEOUT_MS = 20 * 60_000;
const START_TIMEOUT_MS = 10 * 60_000;
const TEST_TIMEOUT_MS = 3 * RUN_TIMEOUT_MS;
const LANDSAT = fileURLToPath(new URL('../data/raster/landsat.tif', import.meta.url));
/** Its load takes seconds, in which its container is killed. */
const MANY_POINTS = 150_000;

const isPossible = await hasCompose();
if (!isPossible) console.warn(`tests/compose/compose.server.test.ts is skipped: it ${NEEDS_COMPOSE}.`);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice-lanes-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function pointsFile(name: string, count: number): Promise<string> {
  const features = Array.from({ length: count }, (_, index) => ({
    type: 'Feature',
    properties: { id: `k${index}`, größe: index },
    geometry: { type: 'Point', coordinates: [index / count, 50] },
  }));
  const path = join(folder, name);
  await writeFile(path, JSON.stringify({ type: 'FeatureCollection', features }));
  return path;
}

async function tableFile(name: string, count: number): Promise<string> {
  const rows = Array.from({ length: count }, (_, index) => `k${index},Straße ${index},${index / 2}\n`);
  const path = join(folder, name);
  await writeFile(path, `id,name,länge\n${rows.join('')}`);
  return path;
}

const readTable = async (path: string) => parquetReadObjects({ file: await asyncBufferFromFile(path), compressors });

describe.skipIf(!isPossible)(`docker compose (${NEEDS_COMPOSE})`, () => {
  let sluice: Composition;
  beforeAll(async () => {
    await buildImages();
    sluice = await Composition.create('test', generateSecrets());
  }, BUILD_TIMEOUT_MS);
  afterAll(() => sluice?.remove(), START_TIMEOUT_MS);

  const succeeded = async (batchId: string): Promise<RunView> => {
    const run = await sluice.ended(batchId);
    expect([run.status, run.error]).toEqual(['success', null]);
    return run;
  };
  const routed = async () => {
    const text = await (await fetch(`${sluice.url}/metrics`, { headers: ADMIN })).text();
    return Number(/^sluice_notifications_total\{outcome="routed"\} (\d+)/m.exec(text)?.[1] ?? 0);
  };

  test('the first start ingests the sample and prints the addresses', { timeout: START_TIMEOUT_MS }, async () => {
    const output = await sluice.up();
    expect(output).toMatch(/countries, version 1\n {2}Rows +177\n/);
    expect(output).toContain(`Sluice is ready: ${sluice.url}\n`);
    expect(output).toContain(`${sluice.store}  bucket landing-zone (S3, access key uploader`);
  });

  test('a file of each lane is ingested after a notification of MinIO', { timeout: TEST_TIMEOUT_MS }, async () => {
    const before = await routed();
    const [points, table] = [await pointsFile('pünkte # 1.geojson', 100), await tableFile('tabelle é.csv', 100)];
    const batches = [
      await sluice.ingest([points], 'points'),
      await sluice.ingest([LANDSAT], 'landsat'),
      await sluice.ingest([table], 'streets', 'ingest_tabular'),
    ];
    const [vector, raster, tabular] = await Promise.all(batches.map(succeeded));
    const joined = await succeeded(await sluice.join('points', 'streets', 'id', 'points_streets'));
    // Both webhook targets announce each manifest. The one with a queue folder may still announce that of the sample.
    await expect.poll(routed, { timeout: 30_000 }).toBeGreaterThanOrEqual(before + 2 * 4);

    const features = await readGeoParquet(await sluice.download(vector?.asset));
    expect(features.rows).toHaveLength(100);
    expect(features.geo.columns.geom?.geometry_types).toEqual(['Point']);
    const image = await (await fromFile(await sluice.download(raster?.asset))).getImage();
    expect(image.getWidth()).toBeGreaterThan(0);
    const rows = await readTable(await sluice.download(tabular?.asset));
    expect(rows).toHaveLength(100);
    expect(rows[3]).toMatchObject({ id: 'k3', name: 'Straße 3', länge: 1.5 });
    const both = await readGeoParquet(await sluice.download(joined.asset));
    expect(both.rows).toHaveLength(100);
    expect(both.columns.map(({ name }) => name)).toEqual(expect.arrayContaining(['größe', 'länge']));
  });

  test('the uploader cannot write to the lake, and nobody reads without a key', async () => {
    await expect(sluice.uploads.put('data-lake', 'x.parquet', 'x')).rejects.toMatchObject({ code: 'STORE_DENIED' });
    expect((await fetch(`${sluice.store}/data-lake/`)).status).toBe(403);
    expect((await fetch(`${sluice.url}/events`, { method: 'POST' })).status).toBe(401);
    expect((await fetch(`${sluice.url}/api/runs`)).status).toBe(401);
  });

  test('a function without PostGIS cannot connect to it', async () => {
    const connect = (service: string, server: string) =>
      sluice.tryCompose('exec', '-T', service, 'timeout', '3', 'bash', '-c', `exec 3<>/dev/tcp/${server}`);
    expect(await connect('archive', 'postgis/5432')).toMatchObject({ failed: false });
    for (const server of ['postgis/5432', 'control/5432', '1.1.1.1/443'])
      expect([server, (await connect('export-parquet', server)).failed]).toEqual([server, true]);
  });

  test('a run whose container is killed has one result', { timeout: TEST_TIMEOUT_MS }, async () => {
    const batch = await sluice.ingest([await pointsFile('many.geojson', MANY_POINTS)], 'many');
    const stateOf = async (step: string) =>
      (await sluice.runOf(batch))?.steps.find(({ name }) => name === step)?.status;
    await vi.waitUntil(async () => (await stateOf('load-to-postgis')) === 'running', {
      timeout: RUN_TIMEOUT_MS,
      interval: 20,
    });
    await sluice.kill('load-to-postgis');
    const run = await succeeded(batch);
    expect(run.steps.find(({ name }) => name === 'load-to-postgis')?.attempt).toBeGreaterThan(1);
    expect(run.asset).toMatchObject({ version: 1, row_count: MANY_POINTS });
  });

  test('runs continue after MongoDB and PostGIS were restarted', { timeout: TEST_TIMEOUT_MS }, async () => {
    const names = ['a', 'b', 'c'];
    const batches: string[] = [];
    for (const name of names)
      batches.push(await sluice.ingest([await pointsFile(`${name}.geojson`, 20_000)], `restart_${name}`));
    await sluice.compose('restart', 'mongodb', 'postgis');
    const runs = await Promise.all(batches.map(succeeded));
    expect(runs.map(({ asset }) => [asset?.version, asset?.row_count])).toEqual(names.map(() => [1, 20_000]));
  });

  test('after down and up, nothing is lost and nothing is repeated', { timeout: TEST_TIMEOUT_MS }, async () => {
    const lists = () => Promise.all(['/api/runs?limit=100', '/api/assets?limit=100'].map((path) => sluice.get(path)));
    const before = await lists();
    await sluice.down();
    const output = await sluice.up();
    expect(output).not.toContain('First start');
    expect(output).toContain(`Sluice is ready: ${sluice.url}\n`);
    expect(await lists()).toEqual(before);
    expect(await sluice.compose('run', '--rm', 'cli', 'reconcile', '--deep')).toContain('Ledger and lake agree');
  });

  test('nothing starts with missing, weak or public secrets', { timeout: START_TIMEOUT_MS }, async () => {
    const settings = generateSecrets()
      .replace(/^WEBHOOK_TOKEN=.*\n/m, '')
      .replace(/^MONGO_PASSWORD=.*/m, 'MONGO_PASSWORD=changeme-changeme')
      .replace(/^POSTGIS_PASSWORD=.*/m, 'POSTGIS_PASSWORD=development-postgis-password');
    const unsafe = await Composition.create('unsafe', settings);
    try {
      expect(await unsafe.tryCompose('up', '--detach')).toMatchObject({ failed: true });
      expect(await unsafe.compose('logs', '--no-log-prefix', 'secrets')).toMatch(
        'The secrets in .env are not safe: WEBHOOK_TOKEN is not set; MONGO_PASSWORD consists of common words or ' +
          'repeated characters; POSTGIS_PASSWORD is a public password of development.',
      );
      expect(await unsafe.compose('ps', '--quiet')).toBe('');
    } finally {
      await unsafe.remove();
    }
  });
});
