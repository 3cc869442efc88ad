import { expect, test } from 'vitest';
import { testEnv } from '../../tests/servers.ts';
import { lakeLines, placesLines } from './startup-summary.ts';

test('the places are those of the environment', () => {
  const env = testEnv({ PUBLIC_URL: 'https://lake.example/', S3_ENDPOINT: 'http://127.0.0.1:9000' });
  const places = placesLines(env, { logFile: '.sluice/sluice.log', ownStore: false });
  expect(places).toContain('  Runs          https://lake.example/api/runs');
  expect(places).toContain('  Log           .sluice/sluice.log');
  expect(places).toContain('  Landing zone  http://127.0.0.1:9000 bucket landing-zone (S3)');
  expect(placesLines(env, { ownStore: true })).toContain(
    '  Landing zone  http://127.0.0.1:9000 bucket landing-zone (S3; access key and secret: S3RVER)',
  );
});

test('the lake is told by its first datasets; those without an asset are not in it', () => {
  const dataset = (dataset_id: string, latest_version = 1) => ({
    _id: '0'.repeat(24),
    dataset_id,
    latest_version,
    created_at: '2026-05-01T10:00:00.000Z',
  });
  expect(lakeLines([dataset('failed', 0)])).toEqual([]);
  expect(lakeLines([dataset('größe', 3), dataset('b')])).toEqual(['In the lake: größe (version 3), b (version 1)']);
  expect(lakeLines(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => dataset(id)))).toEqual([
    'In the lake: a (version 1), b (version 1), c (version 1), d (version 1), e (version 1) and 2 more',
  ]);
});
