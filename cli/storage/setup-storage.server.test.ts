import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import {
  DeleteBucketCommand,
  GetBucketLifecycleConfigurationCommand,
  PutBucketPolicyCommand,
} from '@aws-sdk/client-s3';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import { policyOf } from '#shared/storage/access-roles.ts';
import { checkStoreAccess } from '#shared/storage/check-access.ts';
import { createS3Client } from '#shared/storage/s3-client.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { startTestSluice } from '../../tests/running-sluice.ts';
import {
  findMinio,
  keyVariables,
  NEEDS_MINIO,
  type RunningMinio,
  setupVariables,
  startMinio,
} from '../../tests/minio.ts';
import { testEnv } from '../../tests/servers.ts';
import { MinioAdmin } from './minio-admin.ts';
import { minioEnvironment } from './notifications.ts';
import { setupStorage } from './setup-storage.ts';

const [LANDING, LAKE] = ['landing-zone', 'data-lake'];
const ARNS = ['arn:minio:sqs::SLUICE_QUEUED:webhook', 'arn:minio:sqs::SLUICE_DIRECT:webhook'];
const never = new AbortController().signal;

async function setUp(env: Env): Promise<string[]> {
  const printed: string[] = [];
  await setupStorage(env, { print: (line) => printed.push(line), signal: never });
  return printed;
}

const changesOf = (printed: string[]) => printed.slice(0, -1).filter((line) => !line.startsWith('found '));

describe.skipIf(findMinio() === undefined)(`setup-storage on MinIO (${NEEDS_MINIO})`, () => {
  let minio: RunningMinio;
  let variables: ReturnType<typeof setupVariables>;
  let env: Env;
  const envOf = (role: Parameters<typeof keyVariables>[0]) => testEnv(keyVariables(role, variables));
  const rootEnv = () =>
    testEnv({ S3_ENDPOINT: minio.endpoint, S3_ACCESS_KEY_ID: minio.accessKey, S3_SECRET_ACCESS_KEY: minio.secretKey });
  let firstLines: string[];

  beforeAll(async () => {
    // Nothing listens at the webhook: the setup comes before the first start of the gateway.
    const webhook = { url: 'http://127.0.0.1:9/webhooks/minio', token: 'x', queueFolder: '' };
    const targets = minioEnvironment(ARNS, webhook);
    for (const name of Object.keys(targets)) if (name.includes('_QUEUE_')) delete targets[name];
    minio = (await startMinio({ env: targets }))!;
    variables = setupVariables(minio);
    env = testEnv(variables);
    firstLines = await setUp(env);
  });
  afterAll(() => minio?.stop());

  test('creates everything once; a repeat changes nothing', async () => {
    expect(changesOf(firstLines)).toEqual([
      'created  bucket landing-zone',
      'created  bucket data-lake',
      'created  policy sluice-uploader-landing-zone',
      'created  user ana&zo+e% (uploader)',
      'created  policy sluice-pipeline-landing-zone',
      'created  user pipeline (pipeline)',
      'created  policy sluice-gateway-landing-zone',
      'created  user gateway (gateway)',
      'created  notification of SLUICE_QUEUED and SLUICE_DIRECT about landing-zone/manifests/*.json',
    ]);
    const repeated = await setUp(env);
    expect(changesOf(repeated)).toEqual([]);
    expect(repeated.at(-1)).toBe('The object store is set up: 0 created, 0 changed, 15 found. Nothing is left to do.');
  });

  test('the uploader writes to the landing zone, and cannot change the lake and archived manifests', async () => {
    const root = openObjectStore(rootEnv());
    await root.put(LAKE, 'roads/v1.json', '{}');
    const uploads = openObjectStore(envOf('UPLOADER'));
    await uploads.put(LANDING, 'b 1/straßen.geojson', '{}');
    expect(await uploads.head(LANDING, 'b 1/straßen.geojson')).toMatchObject({ size: 2 });
    expect(await uploads.head(LAKE, 'roads/v1.json')).toMatchObject({ size: 2 });
    expect(await Array.fromAsync(uploads.list(LAKE, ''))).toHaveLength(1);
    for (const refused of [
      () => uploads.put(LAKE, 'roads/v1.json', 'changed'),
      () => uploads.delete(LAKE, 'roads/v1.json'),
      () => uploads.put(LANDING, 'archive/manifests/b1.json', '{}'),
      () => uploads.ensureBucket('another-bucket'),
    ])
      await expect(refused()).rejects.toMatchObject({ code: 'STORE_DENIED' });
    expect((await root.readBytes(LAKE, 'roads/v1.json', { maxBytes: 10 })).toString()).toBe('{}');
    for (const store of [root, uploads]) store.close();
  });

  test('the gateway writes documents to the lake, but no data', async () => {
    const gateway = openObjectStore(envOf('GATEWAY'));
    await gateway.put(LAKE, 'roads/collection.json', '{}');
    for (const refused of [
      () => gateway.put(LAKE, 'roads/r/1/roads.parquet', ''),
      () => gateway.delete(LANDING, 'b1/a.zip'),
    ])
      await expect(refused()).rejects.toMatchObject({ code: 'STORE_DENIED' });
    gateway.close();
  });

  test.each([
    ['GET', `${LANDING}?list-type=2`],
    ['GET', `${LAKE}/roads/v1.json`],
    ['PUT', `${LANDING}/manifests/evil.json`],
    ['DELETE', `${LAKE}/roads/v1.json`],
  ])('rejects %s %s without a key', async (method, path) => {
    expect((await fetch(`${minio.endpoint}/${path}`, { method })).status).toBe(403);
  });

  test('restores a changed policy, secret, attachment and bucket policy, and enables users', async () => {
    const root = createS3Client(rootEnv());
    const admin = new MinioAdmin(root, minio.endpoint);
    await admin.putPolicy('sluice-uploader-landing-zone', policyOf('pipeline', env));
    await admin.putUser('pipeline', 'another-secret-key');
    await admin.attachPolicy('consoleAdmin', 'gateway');
    const everyone = { Effect: 'Allow', Principal: { AWS: ['*'] }, Action: ['s3:GetObject'] };
    const Policy = JSON.stringify({
      Version: '2012-10-17',
      Statement: [{ ...everyone, Resource: [`arn:aws:s3:::${LAKE}/roads/*`] }],
    });
    await root.send(new PutBucketPolicyCommand({ Bucket: LAKE, Policy }));
    root.destroy();
    expect((await fetch(`${minio.endpoint}/${LAKE}/roads/v1.json`)).status).toBe(200);
    const uploads = openObjectStore(envOf('UPLOADER'));
    await uploads.put(LAKE, 'evil.json', '{}');
    await expect(checkStoreAccess(rootEnv(), 'pipeline')).rejects.toMatchObject({
      code: 'STORE_PUBLIC',
      message:
        'Bucket data-lake can be accessed without a key. Run npx sluice setup-storage to remove the anonymous access.',
    });

    expect(changesOf(await setUp(env))).toEqual([
      'changed  bucket data-lake: anonymous access removed',
      'changed  policy sluice-uploader-landing-zone',
      'changed  user pipeline (pipeline): secret key',
      'changed  user gateway (gateway): policy',
    ]);
    expect(changesOf(await setUp(env))).toEqual([]);
    expect((await fetch(`${minio.endpoint}/${LAKE}/roads/v1.json`)).status).toBe(403);
    await expect(uploads.put(LAKE, 'evil.json', '{}')).rejects.toMatchObject({ code: 'STORE_DENIED' });
    uploads.close();
  });

  test('sets, changes and removes the expiry of files in the landing zone', async () => {
    const root = createS3Client(rootEnv());
    const days = async () =>
      (await root.send(new GetBucketLifecycleConfigurationCommand({ Bucket: LANDING }))).Rules?.map(
        ({ ID, Expiration }) => [ID, Expiration?.Days],
      );
    for (const LANDING_RETENTION_DAYS of ['30', '90']) {
      const expiring = testEnv({ ...variables, LANDING_RETENTION_DAYS });
      expect(changesOf(await setUp(expiring))).toEqual([
        `changed  bucket landing-zone that deletes files after ${LANDING_RETENTION_DAYS} days`,
      ]);
      expect(await days()).toEqual([['sluice-landing-files', Number(LANDING_RETENTION_DAYS)]]);
    }
    expect(changesOf(await setUp(env))).toEqual(['changed  bucket landing-zone without expiry of files']);
    await expect(days()).rejects.toMatchObject({ name: 'NoSuchLifecycleConfiguration' });
    root.destroy();
  });

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
    await checkStoreAccess(envOf('PIPELINE'), 'pipeline');
    await checkStoreAccess(envOf('GATEWAY'), 'gateway');
    const landing = openObjectStore(rootEnv());
    expect((await Array.fromAsync(landing.list(LANDING, ''))).map(({ key }) => key)).toEqual(['b 1/straßen.geojson']);
    landing.close();
  });

  test('gateway and functions with a wrong key end with one sentence at their start', async () => {
    const wrong = { ...keyVariables('PIPELINE', variables), S3_SECRET_ACCESS_KEY: 'not-the-secret-key' };
    await expect(startTestSluice(keyVariables('UPLOADER', variables))).rejects.toMatchObject({ code: 'STORE_DENIED' });
    const served = await execa('node', ['shared/runtime/serve.ts', 'archive'], {
      env: { ...wrong, PORT: '0', LOG_LEVEL: 'info', LOG_FILE: '', CONTROL_DATABASE_URL: 'postgres://127.0.0.1:9/x' },
      reject: false,
    });
    expect(served.exitCode).toBe(1);
    expect(JSON.parse(served.stderr)).toMatchObject({
      msg: 'Function:Serve:Failed',
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

  test('waits for a server that starts, up to the limit', async () => {
    await minio.kill();
    await expect(setUp(testEnv({ ...variables, SETUP_WAIT_SECONDS: '0' }))).rejects.toMatchObject({
      code: 'STORE_UNAVAILABLE',
      message: expect.stringContaining('was not ready within 0 s (SETUP_WAIT_SECONDS)') as string,
    });
    const waiting = setUp(env);
    await minio.restart();
    expect(changesOf(await waiting)).toEqual([]);
  });

  test('names the administrator when its key is wrong', async () => {
    await expect(
      setUp(testEnv({ ...variables, S3_ADMIN_SECRET_ACCESS_KEY: '0f0c7b2e9d4a6835' })),
    ).rejects.toMatchObject({
      code: 'STORE_DENIED',
      message: expect.stringContaining('with the key of S3_ADMIN_ACCESS_KEY_ID: SignatureDoesNotMatch') as string,
    });
  });

  test('without the admin API, it does what S3 can, and prints the policy of each missing user', async () => {
    const proxy = await withoutAdminApi(minio.endpoint);
    const managed = {
      ...variables,
      S3_ENDPOINT: proxy.url,
      LANDING_BUCKET: 'managed-landing',
      LAKE_BUCKET: 'managed-lake',
    };
    const printed = await setUp(testEnv(managed));
    expect(printed).toContain('created  bucket managed-landing');
    expect(printed).toContain('found    bucket managed-lake without anonymous access');
    const buckets = { LANDING_BUCKET: 'managed-landing', LAKE_BUCKET: 'managed-lake' };
    expect(printed).toContain(
      'to do    Create the uploader with the access key ana&zo+e% and this policy, then run setup-storage again: ' +
        JSON.stringify(policyOf('uploader', buckets)),
    );
    expect(printed.filter((line) => line.startsWith('to do    Send notifications'))).toHaveLength(1);
    const repeated = await setUp(testEnv({ ...variables, S3_ENDPOINT: proxy.url }));
    expect(repeated).toContain('found    user ana&zo+e% with the rights of the uploader');
    proxy.close();
  });
});

/** Forwards requests to MinIO, but knows only S3. */
async function withoutAdminApi(endpoint: string): Promise<{ url: string; close(): void }> {
  const server = createServer((received, reply) => {
    const { method, url = '', headers } = received;
    if (url.startsWith('/minio/')) return void reply.writeHead(404).end();
    const forwarded = request(`${endpoint}${url}`, { method, headers }, (response) => {
      reply.writeHead(response.statusCode ?? 502, response.headers);
      response.pipe(reply);
    });
    received.pipe(forwarded);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
