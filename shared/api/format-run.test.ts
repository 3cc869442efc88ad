import { createColors } from 'picocolors';
import { expect, test } from 'vitest';
import { formatAsset, formatError, formatStatus, formatRun } from './format-run.ts';
import type { AssetView, RunView } from './views.ts';
import { RUN_VIEW } from '../../tests/fixtures/run-view.ts';
import { printable } from '#shared/text/visible-text.ts';

const PLAIN = createColors(false);
const asset: AssetView = {
  id: 'a1',
  dataset_id: 'straßen',
  version: 3,
  kind: 'spatial',
  s3_key: 'straßen/r/straßen.parquet',
  url: 'http://x/download',
  row_count: 12345,
  crs: 'EPSG:4326',
  bbox: [-1.234567, 50, 1, 52],
  geometry_types: ['Polygon'],
  columns: [{ name: 'größe\u001b[2J', type: 'integer' }],
  quality: {
    null_geometries: 2,
    empty_geometries: 0,
    repaired_geometries: 1234,
    notes: [{ code: 'FID_RENAMED', message: 'fid became fid_1.' }],
  },
  content_hash: 'x',
  size_bytes: 1_234_567,
  created_at: '2025-03-01T10:15:30.000Z',
};

test('formats an asset without control characters', () => {
  expect(formatAsset(asset, PLAIN)).toBe(`straßen, version 3
  Rows         12,345
  Geometry     Polygon
  Quality      1,234 repaired, 2 missing geometries
  CRS          EPSG:4326
  Bounding box west -1.23457, south 50, east 1, north 52
  Columns      größe\ufffd[2J (integer)
  Size         1.2 MB
  Asset        a1
  Object       straßen/r/straßen.parquet
  Download     http://x/download
  Note         fid became fid_1. (FID_RENAMED)`);
});

test('formats an error with code, message, location and advice', () => {
  expect(
    formatError(
      { code: 'CRS_MISSING', message: 'roads é.shp has no CRS.', details: { file: 'roads é.shp', more: {} } },
      PLAIN,
    ),
  ).toBe(`CRS_MISSING: roads é.shp has no CRS.
  file: roads é.shp
  Set \`crs\` of the file in the manifest, or upload the file with its CRS.`);
});

test('formats an error that ended a run with the command that repeats it', () => {
  expect(formatError({ code: 'DISK_FULL', message: 'No space left.', details: {} }, PLAIN, { run_id: 'r1' }))
    .toBe(`DISK_FULL: No space left.
  Free disk space under SLUICE_HOME and SCRATCH_DIR, or on the PostgreSQL server. Then repeat the run: \`npx sluice rerun r1\`.`);
});

test('formats the status of a run in one line', () => {
  expect(formatStatus(RUN_VIEW, PLAIN)).toBe('b é: running  run r1');
  expect(formatStatus({ ...RUN_VIEW, status: 'success', finished_at: '2025-03-01T10:15:42.340Z' }, PLAIN)).toBe(
    'b é: success in 12.3 s  run r1',
  );
  expect(
    formatStatus(
      { ...RUN_VIEW, run_id: null, status: 'failure', error: { code: 'FILE_MISSING', message: '', details: {} } },
      PLAIN,
    ),
  ).toBe('b é: rejected  manifests/b.json');
});

test('formats a run with its steps and an existing asset', () => {
  const ended: RunView = {
    ...RUN_VIEW,
    status: 'success',
    finished_at: '2025-03-01T10:15:42.340Z',
    asset,
    assets: [asset],
    reused: true,
  };
  expect(formatRun(ended, PLAIN, { steps: true }).split('\n').slice(0, 8)).toEqual([
    'b é: success in 12.3 s  run r1',
    '  load-to-postgis      done, 0.31 s',
    '  transform-recipe     running, 2 attempts',
    '  archive              pending',
    '',
    'The same input was ingested before, so this run returns the existing version 3, ' +
      'created 2025-03-01 10:15:30 UTC. To create a new version, use --force.',
    '',
    'straßen, version 3',
  ]);
});

test('replaces control characters', () => expect(printable('a\u0007\u009bb')).toBe('a\ufffd\ufffdb'));
