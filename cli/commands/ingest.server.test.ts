import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LAUNCHER, runSluice } from '../../tests/fixtures/command-line.ts';
import { type TestSluice, startTestSluice } from '../../tests/running-sluice.ts';

const COUNTRIES = fileURLToPath(new URL('../../gateway/console/sample/countries.zip', import.meta.url));

let sluice: TestSluice;
let folder: string;
beforeAll(async () => {
  sluice = await startTestSluice();
  folder = await mkdtemp(join(tmpdir(), 'sluice cli é #'));
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const run = (args: string[], variables?: Record<string, string>) => runSluice(sluice.url, args, variables);
const ingestJson = async (...args: string[]) => {
  const { stdout, exitCode } = await run(['ingest', ...args, '--json']);
  return { exitCode, document: JSON.parse(stdout) as Record<string, unknown> };
};
const points = (name = 'Bäume + parks #1.geojson') => {
  const path = join(folder, name);
  const features = [
    ['Linde', 8.5, 47.4],
    ['Eiche 🌳', 8.6, 47.5],
  ].map(([kind, x, y]) => ({
    type: 'Feature',
    properties: { Art: kind },
    geometry: { type: 'Point', coordinates: [x, y] },
  }));
  return writeFile(path, JSON.stringify({ type: 'FeatureCollection', features })).then(() => path);
};

describe('ingest', () => {
  test('writes the asset to standard output, and the steps to standard error', async () => {
    const { stdout, stderr, exitCode } = await run(['ingest', COUNTRIES, '--dataset', 'länder', '--project', 'ALPHA']);
    expect(exitCode, stderr).toBe(0);
    expect(stdout).toMatch(/^länder-\d{8}T\d{6}-[0-9a-f]{6}: success in .* run [0-9a-f-]{36}\n\nländer, version 1\n/);
    expect(stdout).toContain('\n  Rows         177\n  Geometry     MultiPolygon, Polygon\n');
    expect(stderr).toMatch(/^Uploaded 1 file, 140\.1 kB, and the manifest\.\nRun [0-9a-f-]{36} started\.\n/);
    expect(stderr).toMatch(/\nload-to-postgis: done in [\d.]+ s\n/);
    expect(stdout + stderr).not.toContain('\u001b');
  });

  test('--json writes one document, and the asset can be downloaded from its URL', async () => {
    const { exitCode, document } = await ingestJson(await points(), '--dataset', 'bäume');
    expect(exitCode).toBe(0);
    expect(Object.keys(document)).toEqual(['run_id', 'batch_id', 'status', 'steps', 'asset', 'reused', 'error']);
    const asset = document.asset as Record<string, unknown>;
    expect(Object.keys(asset)).toEqual([
      'id',
      'dataset_id',
      'version',
      's3_key',
      'url',
      'row_count',
      'crs',
      'bbox',
      'geometry_types',
      'columns',
      'quality',
      'content_hash',
      'size_bytes',
    ]);
    expect(document).toMatchObject({
      status: 'success',
      error: null,
      asset: {
        dataset_id: 'bäume',
        version: 1,
        row_count: 2,
        crs: 'EPSG:4326',
        bbox: [8.5, 47.4, 8.6, 47.5],
        geometry_types: ['Point'],
      },
    });
    expect(
      (document.steps as { name: string; status: string }[]).map(({ name, status }) => `${name} ${status}`),
    ).toEqual([
      'load-to-postgis done',
      'transform-recipe done',
      'export-geoparquet done',
      'record-lineage done',
      'archive done',
    ]);
    const bytes = Buffer.from(await (await fetch(asset.url as string)).arrayBuffer());
    expect([bytes.length, bytes.subarray(0, 4).toString()]).toEqual([asset.size_bytes, 'PAR1']);
  });

  test('finds the parts of a shapefile, whether or not they are listed', async () => {
    const shapes = join(folder, 'shp');
    await mkdir(shapes);
    await execa('unzip', ['-q', COUNTRIES, '-d', shapes]);
    const names = (await execa('ls', [shapes])).stdout.split('\n').map((name) => join(shapes, name));
    const shp = names.find((name) => name.endsWith('.shp')) ?? '';
    for (const files of [[shp], names.filter((name) => /\.(shp|shx|dbf|prj|cpg)$/.test(name))]) {
      const { document } = await ingestJson(...files, '--dataset', 'unzipped');
      expect(document).toMatchObject({ status: 'success', asset: { row_count: 177 } });
    }
  });

  test('ingesting the same files again returns the existing asset', async () => {
    const file = await points('again.geojson');
    await run(['ingest', file, '--dataset', 'again']);
    const { stdout } = await run(['ingest', file, '--dataset', 'again']);
    expect(stdout).toMatch(
      /so this run returns the existing version 1, created .* UTC\. To create a new version, use --force\./,
    );
    expect(stdout).toContain('again, version 1');
  });

  test('a failed run exits with 1, and its error has a code, the file and an action', async () => {
    const csv = join(folder, 'Straßen ohne crs.csv');
    await writeFile(csv, 'x,y\n2600000,1200000\n');
    const { stdout, stderr, exitCode } = await run([
      'ingest',
      csv,
      '--dataset',
      'ohne',
      '--x-column',
      'x',
      '--y-column',
      'y',
    ]);
    expect([exitCode, stdout]).toEqual([1, expect.stringMatching(/failure/)]);
    expect(stderr).toContain(`CRS_MISSING: ${csv} contains no coordinate reference system, and --crs is not set.`);
    expect(stderr).toMatch(new RegExp(`\\n  file: ${csv}\\n  Set --crs, or upload the file with its CRS\\.`));
    expect(stderr).not.toContain('s3:');
  });

  test('a rejected manifest exits with 1, and its JSON document has no run', async () => {
    const file = await points('dup.geojson');
    expect((await ingestJson(file, '--dataset', 'dup', '--batch-id', 'batch #1/é')).exitCode).toBe(0);
    const { exitCode, document } = await ingestJson(file, '--dataset', 'dup', '--batch-id', 'batch #1/é');
    expect(exitCode).toBe(1);
    expect(document).toMatchObject({
      run_id: null,
      batch_id: 'batch #1/é',
      status: 'failure',
      steps: [],
      asset: null,
      error: { code: 'BATCH_ID_TAKEN' },
    });
  });
});

describe('wrong usage exits with 2', () => {
  test.each([
    ['a missing file', ['ingest', 'nö.zip', '--dataset', 'x'], /nö\.zip does not exist\./],
    ['a folder', ['ingest', tmpdir(), '--dataset', 'x'], /is not a file/],
    ['no dataset', ['ingest', COUNTRIES], /--dataset <name>' not specified/],
    ['a dataset with a space', ['ingest', COUNTRIES, '--dataset', 'a b'], /--dataset "a b" must be/],
    ['an intent in capitals', ['ingest', COUNTRIES, '--dataset', 'x', '--intent', 'NO'], /--intent must be lower-case/],
    ['an unknown extension', ['ingest', LAUNCHER, '--dataset', 'x'], /Set --format/],
    ['an unknown command', ['inges'], /unknown command 'inges'/],
    ['no command', [], /Usage: sluice/],
    ['an unknown option', ['runs', '--nope'], /unknown option '--nope'/],
    ['an unknown run', ['run', 'nope'], /RUN_NOT_FOUND/],
  ])('%s', async (_name, args, message) => {
    const { stderr, stdout, exitCode } = await run(args);
    expect(stderr).toMatch(message);
    expect([exitCode, stdout]).toEqual([2, '']);
  });
});

test('exits with 3 when Sluice does not respond, with the reason in JSON', async () => {
  const { stdout, stderr, exitCode } = await run(['ingest', COUNTRIES, '--dataset', 'x', '--json'], {
    SLUICE_URL: 'http://127.0.0.1:1',
  });
  expect(exitCode).toBe(3);
  expect(JSON.parse(stdout)).toMatchObject({ run_id: null, status: 'failure', error: { code: 'SLUICE_UNREACHABLE' } });
  expect(stderr).toContain('Could not connect to Sluice at http://127.0.0.1:1.');
});

test('runs, run and assets show the ingested data', async () => {
  const { document } = await ingestJson(await points('list.geojson'), '--dataset', 'liste');
  const runs = JSON.parse((await run(['runs', '--dataset', 'liste', '--json'])).stdout) as unknown[];
  expect(runs).toEqual([document]);
  expect(JSON.parse((await run(['run', String(document.run_id), '--json'])).stdout)).toEqual(document);
  expect(JSON.parse((await run(['assets', '--dataset', 'liste', '--json'])).stdout)).toEqual([document.asset]);
  expect((await run(['runs', '--dataset', 'lïste', '--status', 'failure'])).stdout).toBe(
    'No run matches --status failure and --dataset lïste.',
  );
  expect((await run(['assets', '--dataset', 'lïste'])).stdout).toBe('No asset matches --dataset lïste.');
  expect((await run(['runs'])).stdout).toMatch(/^STARTED \(UTC\) +RUN +STATUS +DATASET/);
  expect((await run(['assets', '--dataset', 'liste'])).stdout).toMatch(
    /^CREATED \(UTC\) +DATASET +VERSION +ROWS[^]*liste +1 +2 +Point/,
  );
  expect((await run(['run', String(document.run_id)])).stdout).toMatch(
    /success in[^]*load-to-postgis +done, [^]*liste, version 1/,
  );
});

test('the run continues after Ctrl-C', async () => {
  const rows = Array.from({ length: 200_000 }, (_, index) => `${index},${(index % 360) - 180},${(index % 180) - 90}`);
  const csv = join(folder, 'viele.csv');
  await writeFile(csv, `id,x,y\n${rows.join('\n')}\n`);
  const child = run(['ingest', csv, '--dataset', 'viele', '--crs', 'EPSG:4326', '--x-column', 'x', '--y-column', 'y']);
  for await (const line of child.iterable({ from: 'stderr' })) if (/^Run .* started/.test(line)) child.kill('SIGINT');
  const { stderr, exitCode } = await child;
  expect([exitCode, stderr]).toEqual([
    130,
    expect.stringMatching(/The run continues\. To show it: npx sluice run [0-9a-f-]{36}/),
  ]);
  const runId = /run ([0-9a-f-]{36})/.exec(stderr)?.[1] ?? '';
  const followed = await run(['run', runId, '--follow', '--json']);
  expect(JSON.parse(followed.stdout)).toMatchObject({
    run_id: runId,
    status: 'success',
    asset: { row_count: 200_000 },
  });
});

test('the npm package declares the executable', async () => {
  expect(JSON.parse(await readFile(new URL('../../package.json', import.meta.url), 'utf8'))).toMatchObject({
    bin: { sluice: 'cli/sluice.mjs' },
  });
  const { stdout, exitCode } = await execa(LAUNCHER, ['--help'], { reject: false });
  expect([exitCode, stdout]).toEqual([0, expect.stringContaining('Usage: sluice')]);
});
