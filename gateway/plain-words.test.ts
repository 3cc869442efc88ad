import { expect, test } from 'vitest';
import type { AssetDocument, RunDocument, Step } from '#shared/ledger/documents.ts';
import { testEnv } from '../tests/servers.ts';
import { errorLines, formatSeconds, lakeLines, placesLines, runLines } from './plain-words.ts';

function step(name: string, status: Step['status'], seconds: number | null): Step {
  const started = '2026-05-01T10:00:00.000Z';
  const finished = seconds === null ? null : new Date(Date.parse(started) + seconds * 1000).toISOString();
  return { name, status, attempt: 1, token: 1, owner: null, lease_until: null, started_at: started, finished_at: finished, reply: null, error: null };
}

const RUN = {
  run_id: 'r1', status: 'success', created_at: '2026-05-01T10:00:00.000Z', finished_at: '2026-05-01T10:00:00.870Z', error: null,
  steps: [step('load-to-postgis', 'done', 0.42), step('archive', 'pending', null)],
} as Partial<RunDocument> as RunDocument;

const ASSET = {
  s3_key: 'größe/r1/größe.parquet', dataset_id: 'größe', version: 3, row_count: 1234567, bbox: [-180, -89.9, 179.9999900001, 83.64513], crs: 'EPSG:4326',
  size_bytes: 132289, columns: [{ name: 'name', type: 'text' }, { name: 'größe', type: 'numeric' }],
} as Partial<AssetDocument> as AssetDocument;

test('a run is told with its steps and times, and the asset that it made', () => {
  expect(runLines(RUN, ASSET, 'data-lake')).toEqual([
    'run r1: success in 0.87 s',
    '  load-to-postgis    done     0.42 s',
    '  archive            pending',
    '',
    '  asset     s3://data-lake/größe/r1/größe.parquet',
    '  dataset   größe, version 3',
    '  rows      1,234,567',
    '  bounds    -180, -89.9, 179.99999, 83.64513 (west, south, east, north)',
    '  CRS       EPSG:4326',
    '  size      132,289 bytes',
    '  columns   name, größe',
  ]);
});

test('an asset without coordinates has no bounds, and an error says what to do', () => {
  expect(runLines(RUN, { ...ASSET, bbox: null, crs: null }, 'data-lake')).toContain('  CRS       none');
  expect(errorLines({ code: 'CRS_MISSING', message: 'roads.zip has no .prj.', details: {} })).toEqual([
    '  CRS_MISSING: roads.zip has no .prj.',
    expect.stringMatching(/^ {2}What to do: Add the \.prj file/),
  ]);
});

test('the places are those of the environment', () => {
  const env = testEnv({ PUBLIC_URL: 'https://lake.example/', S3_ENDPOINT: 'http://127.0.0.1:9000' });
  const places = placesLines(env, { logFile: '.sluice/sluice.log', ownStore: false });
  expect(places).toContain('  Runs          https://lake.example/api/runs');
  expect(places).toContain('  Log           .sluice/sluice.log');
  expect(places).toContain('  Landing zone  http://127.0.0.1:9000 bucket landing-zone (S3)');
  expect(placesLines(env, { ownStore: true })).toContain('  Landing zone  http://127.0.0.1:9000 bucket landing-zone (S3; access key and secret: S3RVER)');
});

test.each([[0.043, '0.04 s'], [1.24, '1.2 s'], [75.2, '75 s']])('%d seconds', (seconds, text) => expect(formatSeconds(seconds)).toBe(text));

test('the lake is told by its first datasets; those without an asset are not in it', () => {
  const dataset = (dataset_id: string, latest_version = 1) => ({ _id: '0'.repeat(24), dataset_id, latest_version, created_at: '2026-05-01T10:00:00.000Z' });
  expect(lakeLines([dataset('failed', 0)])).toEqual([]);
  expect(lakeLines([dataset('größe', 3), dataset('b')])).toEqual(['In the lake: größe (version 3), b (version 1)']);
  expect(lakeLines(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => dataset(id)))).toEqual([
    'In the lake: a (version 1), b (version 1), c (version 1), d (version 1), e (version 1) and 2 more',
  ]);
});
