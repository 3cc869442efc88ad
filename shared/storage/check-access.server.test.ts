import { DeleteBucketCommand, ListObjectVersionsCommand, PutBucketVersioningCommand } from '@aws-sdk/client-s3';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import {
  changesOf,
  LAKE,
  LANDING,
  setUp,
  type SetUpMinio,
  startSetUpMinio,
} from '../../tests/fixtures/set-up-minio.ts';
import { findMinio, keyVariables, NEEDS_MINIO } from '../../tests/minio.ts';
import { startTestSluice } from '../../tests/running-sluice.ts';
import { testEnv } from '../../tests/servers.ts';
import { checkStoreAccess } from './check-access.ts';
import { createS3Client } from './s3-client.ts';
import { openObjectStore } from './s3.ts';

describe.skipIf(findMinio() === undefined)(`the check of access on MinIO (${NEEDS_MINIO})`, () => {
  let minio: SetUpMinio['minio'];
  let variables: SetUpMinio['variables'];
  let env: SetUpMinio['env'];
  let envOf: SetUpMinio['envOf'];
  let rootEnv: SetUpMinio['rootEnv'];

  beforeAll(async () => {
    ({ minio, variables, env, envOf, rootEnv } = await startSetUpMinio());
  });
  afterAll(() => minio?.stop());

  test.each([
    [
      'UPLOADER',
      'pipeline',
      'The access key ana&zo+e% cannot write objects of bucket data-lake, which the pipeline needs.',
    ],
    [
      'GATEWAY',
      'pipeline',
      'The access key gateway cannot read objects of bucket landing-zone, which the pipeline needs.',
    ],
  ] as const)(
    'a process with the key of the %s and the rights of the %s does not start',
    async (key, role, problem) => {
      await expect(checkStoreAccess(envOf(key), role)).rejects.toMatchObject({
        code: 'STORE_DENIED',
        message: `${problem} Run npx sluice setup-storage.`,
      });
    },
  );

  test('the keys of pipeline and gateway have the rights that their processes check', async () => {
    const landing = openObjectStore(rootEnv());
    await landing.put(LANDING, 'b 1/straßen.geojson', '{}');
    await checkStoreAccess(envOf('PIPELINE'), 'pipeline');
    await checkStoreAccess(envOf('GATEWAY'), 'gateway');
    expect((await Array.fromAsync(landing.list(LANDING, ''))).map(({ key }) => key)).toEqual(['b 1/straßen.geojson']);
    landing.close();
  });

  test('the check leaves no delete marker in buckets with versioning', async () => {
    const root = createS3Client(rootEnv());
    const versioning = (Status: 'Enabled' | 'Suspended') =>
      Promise.all(
        [LANDING, LAKE].map((Bucket) =>
          root.send(new PutBucketVersioningCommand({ Bucket, VersioningConfiguration: { Status } })),
        ),
      );
    await versioning('Enabled');
    await checkStoreAccess(envOf('PIPELINE'), 'pipeline');
    await checkStoreAccess(envOf('GATEWAY'), 'gateway');
    for (const Bucket of [LANDING, LAKE]) {
      const { DeleteMarkers = [] } = await root.send(new ListObjectVersionsCommand({ Bucket }));
      expect(DeleteMarkers).toEqual([]);
    }
    await versioning('Suspended');
    root.destroy();
  });

  test('gateway and functions with a wrong key end with one sentence at their start', async () => {
    const wrong = { ...keyVariables('PIPELINE', variables), S3_SECRET_ACCESS_KEY: 'not-the-secret-key' };
    await expect(startTestSluice(keyVariables('UPLOADER', variables))).rejects.toMatchObject({ code: 'STORE_DENIED' });
    const served = await execa('node', ['shared/runtime/function-process.ts', 'archive'], {
      env: { ...wrong, PORT: '0', LOG_LEVEL: 'info', LOG_FILE: '', CONTROL_DATABASE_URL: 'postgres://127.0.0.1:9/x' },
      reject: false,
    });
    expect(served.exitCode).toBe(1);
    expect(JSON.parse(served.stderr)).toMatchObject({
      msg: 'Function:Start:Failed',
      error: {
        code: 'STORE_DENIED',
        message:
          'The object store does not accept the access key pipeline with its secret key (SignatureDoesNotMatch). ' +
          'Run npx sluice setup-storage.',
      },
    });
  });

  test('names a missing bucket, and creates it again', async () => {
    const other = testEnv({ ...variables, LANDING_BUCKET: 'landing-2', LAKE_BUCKET: 'lake-2' });
    await setUp(other);
    const root = createS3Client(rootEnv());
    await root.send(new DeleteBucketCommand({ Bucket: 'lake-2' }));
    root.destroy();
    const gateway = { ...envOf('PIPELINE'), LANDING_BUCKET: 'landing-2', LAKE_BUCKET: 'lake-2' };
    await expect(checkStoreAccess(gateway, 'pipeline')).rejects.toMatchObject({
      message: 'Bucket lake-2 does not exist. Run npx sluice setup-storage.',
    });
    const store = openObjectStore(gateway);
    await expect(store.ensureBucket('lake-2')).rejects.toMatchObject({
      message: 'Bucket lake-2 does not exist, and this access key cannot create it. Run npx sluice setup-storage.',
    });
    store.close();
    expect(changesOf(await setUp(other))).toEqual(['created  bucket lake-2']);
    await setUp(env); // Restores the policies of the users.
  });
});
