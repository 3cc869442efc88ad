import { expect, test } from 'vitest';
import { testEnv } from '../../tests/servers.ts';
import { datasetLines, addressLines } from './start-console.ts';

test('prints the addresses of the environment', () => {
  const env = testEnv({ PUBLIC_URL: 'https://lake.example/', S3_ENDPOINT: 'http://127.0.0.1:9000' });
  const addresses = addressLines(env, { logFile: '.sluice/sluice.log' });
  expect(addresses).toContain('  Runs          https://lake.example/api/runs');
  expect(addresses).toContain('  Log           .sluice/sluice.log');
  expect(addresses).toContain('  Landing zone  http://127.0.0.1:9000 bucket landing-zone (S3)');
  expect(addressLines(env, { keysFile: '.sluice/s3-credentials' })).toContain(
    '  Landing zone  http://127.0.0.1:9000 bucket landing-zone (S3; keys in .sluice/s3-credentials)',
  );
});

test('prints the first datasets that have an asset', () => {
  const dataset = (dataset_id: string, latest_version = 1) => ({
    _id: '0'.repeat(24),
    dataset_id,
    latest_version,
    created_at: '2026-05-01T10:00:00.000Z',
  });
  expect(datasetLines([dataset('failed', 0)])).toEqual([]);
  expect(datasetLines([dataset('größe', 3), dataset('b')])).toEqual(['Datasets: größe (version 3), b (version 1)']);
  expect(datasetLines(['a', 'b', 'c', 'd', 'e', 'f', 'g'].map((id) => dataset(id)))).toEqual([
    'Datasets: a (version 1), b (version 1), c (version 1), d (version 1), e (version 1) and 2 more',
  ]);
});
