import { setTimeout as sleep } from 'node:timers/promises';
import {
  GetBucketNotificationConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { createS3Client } from '#shared/storage/s3-client.ts';
import { minioEnvironment, withManifestRules } from '../../cli/storage/notifications.ts';
import { setupStorage } from '../../cli/storage/setup-storage.ts';
import { findMinio, NEEDS_MINIO, setupVariables, startMinio } from '../minio.ts';
import { testEnv } from '../servers.ts';
import {
  ARNS,
  endedRuns,
  installWithMinio,
  type MinioInstallation,
  RUNS_TIMEOUT_MS,
  uploadBatch,
} from './minio-installation.ts';

const never = new AbortController().signal;
const AUDIT = { Id: 'audit', QueueArn: 'arn:minio:sqs::AUDIT:webhook', Events: ['s3:ObjectRemoved:*' as const] };
/** Longer than several connection attempts of MinIO. */
const OUTAGE_MS = 20_000;
const OUTAGE_MANIFESTS = 20;

async function routedNotifications(sluice: MinioInstallation): Promise<number> {
  return Number(/^sluice_notifications_total\{outcome="routed"\} (\d+)/m.exec(await sluice.metrics())?.[1] ?? 0);
}

describe.skipIf(findMinio() === undefined)(`with MinIO (${NEEDS_MINIO})`, () => {
  let sluice: MinioInstallation;
  beforeAll(async () => {
    sluice = await installWithMinio();
    await sluice.up();
  });
  afterAll(() => sluice?.stop());

  test('setup-storage can be repeated and keeps other rules', async () => {
    const client = createS3Client({
      ...sluice.env,
      S3_ACCESS_KEY_ID: sluice.minio.accessKey,
      S3_SECRET_ACCESS_KEY: sluice.minio.secretKey,
    });
    const Bucket = sluice.env.LANDING_BUCKET;
    await client.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { QueueConfigurations: [AUDIT] },
      }),
    );
    const printed: string[] = [];
    for (let call = 0; call < 2; call += 1)
      await setupStorage(sluice.env, { print: (line) => printed.push(line), signal: never });
    expect(printed.filter((line) => line.includes('notification'))).toEqual([
      'created  notification of SLUICE_QUEUED and SLUICE_DIRECT about landing-zone/manifests/*.json',
      'found    notification of SLUICE_QUEUED and SLUICE_DIRECT about landing-zone/manifests/*.json',
    ]);
    const { QueueConfigurations } = await client.send(new GetBucketNotificationConfigurationCommand({ Bucket }));
    client.destroy();
    const expected = withManifestRules({ QueueConfigurations: [AUDIT] }, ARNS).QueueConfigurations?.map(
      (rule) => rule.QueueArn,
    );
    expect(QueueConfigurations?.map((rule) => rule.QueueArn).sort()).toEqual(expected?.sort());
  });

  test(
    'manifests whose names contain spaces, #, + and é are delivered twice, executed once, and archived',
    { timeout: 3 * RUNS_TIMEOUT_MS },
    async () => {
      const before = await routedNotifications(sluice);
      const names = ['two words', 'hash # tag', 'a+b', 'forêt é', '100%', '🗺 map'];
      for (const name of names)
        await uploadBatch(sluice, `batch ${name}`, `${name}/square ${name}.geojson`, `manifests/${name}.json`);
      const runs = await endedRuns(
        sluice,
        names.map((name) => `batch ${name}`),
      );
      expect(runs.map((run) => [run.batch_id, run.status, run.error])).toEqual(
        runs.map((run) => [run.batch_id, 'success', null]),
      );
      await vi.waitFor(
        async () => {
          const left = [];
          for await (const { key } of sluice.context.objects.list(sluice.env.LANDING_BUCKET, 'manifests/'))
            left.push(key);
          expect(left).toEqual([]);
        },
        { timeout: RUNS_TIMEOUT_MS },
      );
      // Both targets deliver each manifest; the durable one some seconds later.
      await vi.waitFor(async () => expect(await routedNotifications(sluice)).toBe(before + 2 * names.length), {
        timeout: RUNS_TIMEOUT_MS,
      });
      expect(await sluice.context.ledger.listRuns({ limit: 500 })).toHaveLength(names.length);
    },
  );

  test('the gateway uploads, downloads, reconciles and removes versions with its own key', async () => {
    const { app, context } = sluice;
    const call = async (path: string, request: RequestInit = {}) => {
      const reply = await app.request(path, {
        ...request,
        headers: { host: '127.0.0.1', 'content-type': 'application/json', ...request.headers },
      });
      expect([path, reply.status]).toEqual([path, path.startsWith('/api/landing/') ? 201 : 200]);
      return reply;
    };
    await call('/api/landing/gateway/a.bin', { method: 'PUT', body: 'abc', headers: { 'content-length': '3' } });
    const oldest = (await context.ledger.listAssets({ dataset_id: 'squares', limit: 50 })).at(-1)!;
    const parquet = Buffer.from(await (await call(`/api/assets/${oldest._id}/download`)).arrayBuffer());
    expect(parquet.toString('latin1', 0, 4)).toBe('PAR1');
    await call('/api/datasets/squares/retention', { method: 'PUT', body: JSON.stringify({ keep_versions: 1 }) });
    expect(await context.ledger.listVersions('squares')).toHaveLength(1);
    expect(await context.objects.head(sluice.env.LAKE_BUCKET, oldest.s3_key)).toBeUndefined();
    expect(await (await call('/api/reconcile')).json()).toMatchObject({ agrees: true, findings: [] });
  });

  test(
    `${OUTAGE_MANIFESTS} manifests that are uploaded while the gateway is stopped for ${OUTAGE_MS / 1000} s result in ${OUTAGE_MANIFESTS} runs`,
    { timeout: 3 * RUNS_TIMEOUT_MS },
    async () => {
      const batches = Array.from({ length: OUTAGE_MANIFESTS }, (_, index) => `outage ${index}`);
      const stoppedAt = Date.now();
      await sluice.down();
      for (const batch of batches)
        await uploadBatch(sluice, batch, `outage/${batch}.geojson`, `manifests/${batch}.json`);
      // The test needs an outage of this length, so that MinIO retries several times.
      await sleep(OUTAGE_MS - (Date.now() - stoppedAt));
      await sluice.up();
      const runs = await endedRuns(sluice, batches);
      expect(runs).toHaveLength(OUTAGE_MANIFESTS);
      expect(new Set(runs.map((run) => run.status))).toEqual(new Set(['success']));
    },
  );

  test('prints the settings that a server without the targets needs, but not the token', async () => {
    const bare = await startMinio();
    const printed: string[] = [];
    try {
      const setup = setupVariables(bare!);
      const env = testEnv({ ...setup, PORT: String(sluice.env.PORT) });
      await expect(setupStorage(env, { print: (line) => printed.push(line), signal: never })).rejects.toMatchObject({
        code: 'SETUP_FAILED',
        details: { targets: ARNS },
      });
      const settings = minioEnvironment(ARNS, {
        url: `http://127.0.0.1:${env.PORT}/webhooks/minio`,
        token: 'WEBHOOK_TOKEN',
        queueFolder: '/var/lib/minio-events',
      });
      for (const [name, value] of Object.entries(settings))
        expect(printed).toContain(`to do    Set for the MinIO server: ${name}=${value}`);
      expect(printed.join()).not.toContain(setup.WEBHOOK_TOKEN);
    } finally {
      await bare?.stop();
    }
  });
});
