import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { GetBucketLifecycleConfigurationCommand, PutBucketPolicyCommand } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { policyOf } from '#shared/storage/access-roles.ts';
import { checkStoreAccess } from '#shared/storage/check-access.ts';
import { createS3Client } from '#shared/storage/s3-client.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import {
  changesOf,
  LAKE,
  LANDING,
  setUp,
  type SetUpMinio,
  startSetUpMinio,
} from '../../tests/fixtures/set-up-minio.ts';
import { findMinio, NEEDS_MINIO } from '../../tests/minio.ts';
import { testEnv } from '../../tests/servers.ts';
import { MinioAdmin } from './minio-admin.ts';

describe.skipIf(findMinio() === undefined)(`setup-storage on MinIO (${NEEDS_MINIO})`, () => {
  let minio: SetUpMinio['minio'];
  let variables: SetUpMinio['variables'];
  let env: SetUpMinio['env'];
  let firstLines: SetUpMinio['firstLines'];
  let envOf: SetUpMinio['envOf'];
  let rootEnv: SetUpMinio['rootEnv'];

  beforeAll(async () => {
    ({ minio, variables, env, firstLines, envOf, rootEnv } = await startSetUpMinio());
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
      message: 'Bucket data-lake can be accessed without a key.',
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

/** Forwards requests to MinIO, but supports only S3. */
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
