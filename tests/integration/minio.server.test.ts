import assert from 'node:assert/strict';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  GetBucketNotificationConfigurationCommand,
  PutBucketNotificationConfigurationCommand,
} from '@aws-sdk/client-s3';
import { serve, type ServerType } from '@hono/node-server';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { InProcessHost } from '#shared/runtime/in-process-host.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import { createS3Client } from '#shared/storage/s3-client.ts';
import { setupStorage, minioEnvironment, withManifestRules } from '../../cli/setup-storage.ts';
import { createGateway } from '../../gateway/api/app.ts';
import { createRouter, type Router } from '../../gateway/router/router.ts';
import { readStack } from '#shared/config/stack.ts';
import { findMinio, NEEDS_MINIO, type RunningMinio, startMinio } from '../minio.ts';
import { controlVariables, createDatabase, testEnv } from '../servers.ts';

const ARNS = ['arn:minio:sqs::SLUICE_QUEUED:webhook', 'arn:minio:sqs::SLUICE_DIRECT:webhook'];
const AUDIT = { Id: 'audit', QueueArn: 'arn:minio:sqs::AUDIT:webhook', Events: ['s3:ObjectRemoved:*' as const] };
const TOKEN = 'token-of-the-test';
/** MinIO sends the events of its queue folder every 3 s, and several runs share two cores. */
const RUNS_TIMEOUT_MS = 60_000;
/** Longer than several connection attempts of MinIO. */
const OUTAGE_MS = 30_000;
const OUTAGE_MANIFESTS = 20;

/** Sluice with all functions in this process, and MinIO, which notifies it. The gateway can be restarted. */
interface Installation {
  env: Env;
  context: Context & AsyncDisposable;
  router: Router;
  minio: RunningMinio;
  /** Starts the gateway on its port. */
  up(): Promise<void>;
  down(): Promise<void>;
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

async function install(): Promise<Installation> {
  const [control, spatial] = await Promise.all([createDatabase(), createDatabase({ postgis: true })]);
  const port = await freePort();
  const queueFolder = mkdtempSync(join(tmpdir(), 'sluice-minio-queue-'));
  const webhook = { url: `http://127.0.0.1:${port}/webhooks/minio`, token: TOKEN, queueFolder };
  // Another target, which setup-storage must not change.
  const audit = {
    MINIO_NOTIFY_WEBHOOK_ENABLE_AUDIT: 'on',
    MINIO_NOTIFY_WEBHOOK_ENDPOINT_AUDIT: `http://127.0.0.1:${port}/audit`,
  };
  const minio = await startMinio({ env: { ...minioEnvironment(ARNS, webhook), ...audit } });
  assert(minio !== undefined, NEEDS_MINIO);
  const env = testEnv({
    S3_ENDPOINT: minio.endpoint,
    S3_ACCESS_KEY_ID: minio.accessKey,
    S3_SECRET_ACCESS_KEY: minio.secretKey,
    ...controlVariables(control.url),
    POSTGIS_URL: spatial.url,
    WEBHOOK_TOKEN: TOKEN,
    PORT: String(port),
  });
  await setupStorage(env, () => undefined);
  const context = await openContext(env, SILENT_LOG);
  const stack = await readStack();
  const host = new InProcessHost(context, { stack });
  const router = await createRouter({ databaseUrl: control.url, stack, host, env, log: context.log });
  await router.start();
  const app = createGateway({ ...context, transfers: context.objects, stack, host, router });
  let server: ServerType | undefined;
  const down = async () => {
    if (server && 'closeAllConnections' in server) server.closeAllConnections();
    await new Promise<void>((done) => (server ? server.close(() => done()) : done()));
    server = undefined;
  };
  return {
    env,
    context,
    router,
    minio,
    down,
    up: () =>
      new Promise((done) => {
        server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, () => done());
      }),
    metrics: async () => (await app.request('/metrics')).text(),
    stop: async () => {
      await down();
      await router.stop();
      await context[Symbol.asyncDispose]();
      await minio.stop();
      await Promise.all([
        control.drop(),
        spatial.drop(),
        rm(queueFolder, { recursive: true, force: true }),
        rm(env.SCRATCH_DIR!, { recursive: true, force: true }),
      ]);
    },
  };
}

async function freePort(): Promise<number> {
  return new Promise((done) => {
    const probe = serve({ fetch: () => new Response(), port: 0, hostname: '127.0.0.1' }, ({ port }: AddressInfo) =>
      probe.close(() => done(port)),
    );
  });
}

/** Uploads a GeoJSON file with one polygon, and then its manifest. */
async function uploadBatch(
  { context, env }: Installation,
  batchId: string,
  fileKey: string,
  manifestKey: string,
): Promise<void> {
  const square = {
    type: 'Polygon',
    coordinates: [
      [
        [0, 50],
        [1, 50],
        [1, 51],
        [0, 51],
        [0, 50],
      ],
    ],
  };
  const collection = {
    type: 'FeatureCollection',
    features: [{ type: 'Feature', properties: { name: batchId }, geometry: square }],
  };
  await context.objects.put(env.LANDING_BUCKET, fileKey, JSON.stringify(collection));
  const files = [{ path: `s3://${env.LANDING_BUCKET}/${fileKey}`, type: 'vector', format: 'GeoJSON' }];
  await context.objects.put(
    env.LANDING_BUCKET,
    manifestKey,
    JSON.stringify({
      batch_id: batchId,
      uploader: 'zoë',
      intent: 'ingest_vector',
      files,
      metadata: { tags: { dataset_id: 'squares' } },
    }),
  );
}

function endedRuns({ context }: Installation, batchIds: string[]): Promise<RunDocument[]> {
  return vi.waitFor(
    async () => {
      const runs = (await context.ledger.listRuns({ limit: 500 })).filter((run) => batchIds.includes(run.batch_id));
      expect(
        runs
          .filter((run) => run.status !== 'running')
          .map((run) => run.batch_id)
          .sort(),
      ).toEqual([...batchIds].sort());
      return runs;
    },
    { timeout: RUNS_TIMEOUT_MS, interval: 100 },
  );
}

async function routedNotifications(sluice: Installation): Promise<number> {
  return Number(/^sluice_notifications_total\{outcome="routed"\} (\d+)/m.exec(await sluice.metrics())?.[1] ?? 0);
}

describe.skipIf(findMinio() === undefined)(`with MinIO (${NEEDS_MINIO})`, () => {
  let sluice: Installation;
  beforeAll(async () => {
    sluice = await install();
    await sluice.up();
  });
  afterAll(() => sluice?.stop());

  test('setup-storage can be repeated and keeps other rules', async () => {
    const client = createS3Client(sluice.env);
    const Bucket = sluice.env.LANDING_BUCKET;
    await client.send(
      new PutBucketNotificationConfigurationCommand({
        Bucket,
        NotificationConfiguration: { QueueConfigurations: [AUDIT] },
      }),
    );
    const printed: string[] = [];
    await setupStorage(sluice.env, (line) => printed.push(line));
    await setupStorage(sluice.env, (line) => printed.push(line));
    expect(printed.filter((line) => line.includes('notifies'))).toEqual([
      'Bucket landing-zone now notifies SLUICE_QUEUED and SLUICE_DIRECT of manifests/*.json.',
      'Bucket landing-zone already notifies SLUICE_QUEUED and SLUICE_DIRECT of manifests/*.json.',
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

  test('rejects a token that MinIO cannot send', async () => {
    await expect(setupStorage({ ...sluice.env, WEBHOOK_TOKEN: 'two words' }, () => undefined)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  test('prints the settings that a server without the targets needs', async () => {
    const bare = await startMinio();
    try {
      const env = {
        ...sluice.env,
        S3_ENDPOINT: bare!.endpoint,
        S3_ACCESS_KEY_ID: bare!.accessKey,
        S3_SECRET_ACCESS_KEY: bare!.secretKey,
      };
      const refusal = await setupStorage(env, () => undefined).catch((thrown: unknown) => thrown);
      expect(refusal).toMatchObject({ code: 'SETUP_FAILED' });
      const settings = minioEnvironment(ARNS, {
        url: `http://127.0.0.1:${env.PORT}/webhooks/minio`,
        token: TOKEN,
        queueFolder: '/var/lib/minio-events',
      });
      for (const [name, value] of Object.entries(settings))
        expect((refusal as Error).message).toContain(`  ${name}=${value}`);
    } finally {
      await bare?.stop();
    }
  });
});
