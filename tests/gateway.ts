import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import assert from 'node:assert/strict';
import type { AddressInfo } from 'node:net';
import { serve, type ServerType } from '@hono/node-server';
import type { Hono } from 'hono';
import { LANES } from '#shared/contracts/lanes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicObjectId, type SluiceEvent } from '#shared/events/event.ts';
import type { AssetDraft, ManifestDocument, RunDocument } from '#shared/ledger/documents.ts';
import { newDataset, newRun } from '#shared/ledger/new-run.ts';
import { openPostgresLedger } from '#shared/ledger/postgres/postgres-ledger.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { PgPostgis } from '#shared/postgis/pg-postgis.ts';
import type { InvokeOptions } from '#shared/runtime/host.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { createGateway, type GatewayDeps } from '../gateway/api/app.ts';
import { createRouter, type Router } from '../gateway/router/router.ts';
import { parseStack } from '#shared/config/stack.ts';
import { createDatabase, startObjectStore, testEnv } from './servers.ts';

/** A function of a test: an event in, an event or nothing out. */
export type TestFunction = (event: SluiceEvent, options: InvokeOptions) => Promise<SluiceEvent | undefined>;

export interface TestGateway {
  app: Hono;
  deps: GatewayDeps & { router: Router };
  /** Listens on a free port, for what needs a real connection. */
  listen(): Promise<string>;
  stop(): Promise<void>;
}

/** A gateway on a real ledger, queue and object store, with functions of the test: `name` to the event types that it receives and its code. */
export async function startGateway(
  functions: Record<string, { topic: string; run: TestFunction }> = {},
  variables: Record<string, string> = {},
): Promise<TestGateway> {
  const [database, store] = await Promise.all([createDatabase({ postgis: true }), startObjectStore()]);
  const env = testEnv({ S3_ENDPOINT: store.endpoint, ...variables });
  const stack = parseStack(
    JSON.stringify({
      functions: Object.fromEntries(
        Object.entries(functions).map(([name, { topic }]) => [name, { annotations: { topic } }]),
      ),
    }),
  );
  const host = {
    invoke: async (name: string, event: SluiceEvent, options: InvokeOptions) => {
      const fn = functions[name];
      if (fn === undefined) throw new SluiceError('FUNCTION_NOT_FOUND', `There is no function named ${name}.`);
      return fn.run(event, options);
    },
  };
  const ledger = await openPostgresLedger(database.url);
  const router = await createRouter({ databaseUrl: database.url, stack, host, env, log: SILENT_LOG });
  await router.start();
  const objects = openObjectStore(env);
  const postgis = new PgPostgis(database.url);
  const deps = { env, router, host, stack, servedLanes: new Set(LANES), ledger, objects, postgis, log: SILENT_LOG };
  const app = createGateway(deps);
  let server: ServerType | undefined;
  return {
    app,
    deps,
    listen: () =>
      new Promise((done) => {
        server = serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, (address: AddressInfo) =>
          done(`http://127.0.0.1:${address.port}`),
        );
      }),
    stop: async () => {
      if (server && 'closeAllConnections' in server) server.closeAllConnections();
      await new Promise<void>((done) => (server ? server.close(() => done()) : done()));
      // Settled, not awaited one by one: a test may have closed one of them, and the rest must not stay open.
      await Promise.allSettled([router.stop()]);
      await Promise.allSettled([ledger.close(), postgis.close()]);
      objects.close();
      await Promise.allSettled([store.stop(), database.drop()]);
    },
  };
}

/** Admits a run of a vector batch to the ledger. */
export async function admitRun(
  ledger: GatewayDeps['ledger'],
  batchId: string,
  datasetId = 'forêts',
  traceparent?: string,
): Promise<RunDocument> {
  const manifest = {
    batch_id: batchId,
    uploader: 'zoë',
    intent: 'ingest_vector',
    metadata: { tags: { dataset_id: datasetId } },
    files: [{ path: `s3://landing-zone/${batchId}/roads #1.zip`, type: 'vector' as const, format: 'ESRI Shapefile' }],
  };
  const manifestKey = manifestKeyOf(batchId);
  const document = manifestDocument(batchId, { lane: 'vector', body: manifest });
  const run = newRun({
    manifest,
    manifestId: document._id,
    manifestKey,
    lane: 'vector',
    datasetId,
    operator: 'zoë',
    traceparent,
  });
  const admission = await ledger.admitManifest({ ...document, run_id: run.run_id }, run, newDataset(datasetId));
  assert(admission.outcome !== 'batch_taken', `The batch ${batchId} is taken.`);
  return admission.run;
}

export function manifestDocument(batchId: string, fields: Partial<ManifestDocument>): ManifestDocument {
  const now = new Date().toISOString();
  return {
    _id: deterministicObjectId('manifest', batchId),
    batch_id: batchId,
    claimed_batch_id: null,
    manifest_key: manifestKeyOf(batchId),
    sha256: '0'.repeat(64),
    status: 'running',
    run_id: null,
    lane: null,
    body: null,
    raw: null,
    error: null,
    archive_key: null,
    created_at: now,
    updated_at: now,
    ...fields,
  };
}

/** An asset of a run, as a step would register it. */
export function assetDraft(run: RunDocument, fields: Partial<AssetDraft>): AssetDraft {
  return {
    _id: deterministicObjectId('asset', run.run_id),
    dataset_id: run.dataset_id,
    kind: 'spatial',
    s3_key: `${run.dataset_id}/${run.run_id}.parquet`,
    content_hash: 'a'.repeat(64),
    source_hash: 'b'.repeat(64),
    run_id: run._id,
    crs: 'EPSG:4326',
    bbox: [-1, 50, 1, 52],
    geometry_types: ['Polygon'],
    row_count: 3,
    columns: [{ name: 'größe', type: 'double precision' }],
    size_bytes: 10,
    quality: { null_geometries: 0, empty_geometries: 0, repaired_geometries: 1, notes: [] },
    recipe: { name: 'default', parameters: {}, steps: [] },
    sources: [],
    iso: null,
    stac_key: null,
    ...fields,
  };
}
