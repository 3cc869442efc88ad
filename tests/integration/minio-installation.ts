import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { serve, type ServerType } from '@hono/node-server';
import type { Hono } from 'hono';
import { expect, vi } from 'vitest';
import type { Env } from '#shared/config/env.ts';
import { readStack } from '#shared/config/stack.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import type { Context } from '#shared/runtime/context.ts';
import { InProcessCaller } from '#shared/runtime/in-process-caller.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { minioEnvironment } from '../../cli/storage/notifications.ts';
import { setupStorage } from '../../cli/storage/setup-storage.ts';
import { Access } from '../../gateway/access/access.ts';
import { createGateway } from '../../gateway/api/app.ts';
import { CountedCaller } from '../../gateway/openfaas/counted-caller.ts';
import { createRouter } from '../../gateway/router/queue-router.ts';
import { keyVariables, NEEDS_MINIO, type RunningMinio, setupVariables, startMinio } from '../minio.ts';
import { controlVariables, createDatabase, testEnv } from '../servers.ts';

export const ARNS = ['arn:minio:sqs::SLUICE_QUEUED:webhook', 'arn:minio:sqs::SLUICE_DIRECT:webhook'];
/** MinIO sends the events of its queue folder every 3 s, and several runs share two cores. */
export const RUNS_TIMEOUT_MS = 60_000;
const never = new AbortController().signal;

/**
 * Sluice with all functions in this process, and MinIO, which notifies it. Uploader, functions and gateway have the
 * keys that setup-storage creates. The gateway can be restarted.
 */
export interface MinioInstallation {
  /** Of setup-storage. */
  env: Env;
  /** Of the functions. */
  context: Context & AsyncDisposable;
  /** The object store with the key of the uploader. */
  uploads: ObjectStore;
  app: Hono;
  minio: RunningMinio;
  /** Starts the gateway on its port. */
  up(): Promise<void>;
  down(): Promise<void>;
  metrics(): Promise<string>;
  stop(): Promise<void>;
}

/** Needs MinIO. */
export async function installWithMinio(): Promise<MinioInstallation> {
  const [control, spatial] = await Promise.all([createDatabase(), createDatabase({ postgis: true })]);
  const port = await freePort();
  const queueFolder = mkdtempSync(join(tmpdir(), 'sluice-minio-queue-'));
  const token = randomBytes(16).toString('hex');
  const webhook = { url: `http://127.0.0.1:${port}/webhooks/minio`, token, queueFolder };
  // Another target, which setup-storage must not change.
  const audit = {
    MINIO_NOTIFY_WEBHOOK_ENABLE_AUDIT: 'on',
    MINIO_NOTIFY_WEBHOOK_ENDPOINT_AUDIT: `http://127.0.0.1:${port}/audit`,
  };
  const minio = await startMinio({ env: { ...minioEnvironment(ARNS, webhook), ...audit } });
  assert(minio !== undefined, NEEDS_MINIO);
  const setup = { ...setupVariables(minio), WEBHOOK_TOKEN: token };
  const common = { ...controlVariables(control.url), POSTGIS_URL: spatial.url, WEBHOOK_TOKEN: token };
  const envOf = (variables: Record<string, string>) => testEnv({ ...common, PORT: String(port), ...variables });
  const env = envOf(setup);
  await setupStorage(env, { print: () => undefined, signal: never });
  const context = await openContext(envOf(keyVariables('PIPELINE', setup)), SILENT_LOG);
  const uploads = openObjectStore(envOf(keyVariables('UPLOADER', setup)));
  const gatewayEnv = envOf(keyVariables('GATEWAY', setup));
  const gatewayObjects = openObjectStore(gatewayEnv);
  const stack = await readStack();
  const caller = new CountedCaller(new InProcessCaller(context, { stack }));
  const router = await createRouter({ databaseUrl: control.url, stack, caller, env: gatewayEnv, log: context.log });
  await router.start();
  const stores = { objects: gatewayObjects, transfers: gatewayObjects };
  const access = await Access.open(gatewayEnv, { home: queueFolder, log: SILENT_LOG });
  const app = createGateway({ ...context, env: gatewayEnv, ...stores, stack, caller, router, access });
  const { up, down } = restartableServer(app, port);
  return {
    env,
    context,
    uploads,
    app,
    minio,
    up,
    down,
    metrics: async () => (await app.request('/metrics')).text(),
    stop: async () => {
      await down();
      await router.stop();
      await access.close();
      await context[Symbol.asyncDispose]();
      for (const store of [uploads, gatewayObjects]) store.close();
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

/** The gateway on its port, which can be stopped and started again. */
function restartableServer(app: Hono, port: number): Pick<MinioInstallation, 'up' | 'down'> {
  let server: ServerType | undefined;
  return {
    up: () =>
      new Promise((done) => {
        server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' }, () => done());
      }),
    down: async () => {
      if (server && 'closeAllConnections' in server) server.closeAllConnections();
      await new Promise<void>((done) => (server ? server.close(() => done()) : done()));
      server = undefined;
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
export async function uploadBatch(
  { uploads, env }: MinioInstallation,
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
  await uploads.put(env.LANDING_BUCKET, fileKey, JSON.stringify(collection));
  const files = [{ path: `s3://${env.LANDING_BUCKET}/${fileKey}`, type: 'vector', format: 'GeoJSON' }];
  await uploads.put(
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

export function endedRuns({ context }: MinioInstallation, batchIds: string[]): Promise<RunDocument[]> {
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
