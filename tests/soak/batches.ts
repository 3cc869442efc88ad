import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { setTimeout as wait } from 'node:timers/promises';
import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import type { Instance } from '../../bench/instance.ts';

/**
 * The batches of the soak test: tiny ones of every lane, and invalid ones. The kind follows from the number of the run.
 */

interface SoakBatch {
  intent: string;
  /** Name, content and format of the file; without one, a join. */
  file?: { name: string; body: Buffer | string; type: string; format: string };
  metadata?: Record<string, unknown>;
  /** The text of the manifest, instead of a valid one. */
  manifest?: string;
  /** Milliseconds after the upload of the manifest at which the run is canceled. */
  cancelAfterMs?: number;
}

const RASTER = await readFile(new URL('../data/raster/lc.tif', import.meta.url));
/** A run is canceled at one of so many milliseconds after its upload, so that every step is met. */
const CANCEL_WITHIN_MS = 400;
const CANCEL_STEP_MS = 37;

const points = (n: number): string =>
  JSON.stringify({
    type: 'FeatureCollection',
    features: [1, 2, 3].map((id) => ({
      type: 'Feature',
      properties: { id, name: `größe ${n}` },
      geometry: { type: 'Point', coordinates: [id, n % 80] },
    })),
  });
const vector = (n: number) => ({ name: 'punkte.geojson', body: points(n), type: 'vector', format: 'GeoJSON' });
const table = (n: number) => ({
  name: 'tabelle.csv',
  body: `id,wert\n1,${n}\n2,${n + 1}\n3,é\n`,
  type: 'tabular',
  format: 'CSV',
});

const KINDS: ((n: number) => SoakBatch)[] = [
  (n) => ({ intent: 'ingest_vector', file: vector(n) }),
  (n) => ({ intent: 'ingest_tabular', file: table(n) }),
  () => ({ intent: 'ingest_raster', file: { name: 'lc.tif', body: RASTER, type: 'raster', format: 'GTiff' } }),
  (n) => ({ intent: 'ingest_vector', file: vector(n), cancelAfterMs: (n * CANCEL_STEP_MS) % CANCEL_WITHIN_MS }),
  (n) => ({ intent: 'ingest_tabular', file: table(n), cancelAfterMs: (n * CANCEL_STEP_MS) % CANCEL_WITHIN_MS }),
  () => ({
    intent: 'join_datasets',
    metadata: {
      join_config: {
        spatial_asset_id: 'dataset:soak-0',
        tabular_asset_id: 'dataset:soak-1',
        left_key: 'id',
        right_key: 'id',
        how: 'left',
      },
    },
  }),
  () => ({
    intent: 'ingest_vector',
    file: { name: 'kaputt.gpkg', body: 'not a GeoPackage', type: 'vector', format: 'GPKG' },
  }),
  () => ({
    intent: 'ingest_tabular',
    file: { name: 'kaputt.csv', body: Buffer.from([0xff, 0xfe, 0x00, 0x80, 0x0a]), type: 'tabular', format: 'CSV' },
  }),
  (n) => ({ intent: 'ingest_vector', manifest: `{"batch_id": "soak ${n}", ` }),
  (n) => ({ intent: 'ingest_vector', file: { ...vector(n), format: 'ESRI Shapefile' } }),
];

/** Versions that each dataset of the test keeps, so that the catalog does not grow. */
const KEEP_VERSIONS = 5;

export function batchIdOf(n: number): string {
  return `soak ${n}`;
}

/** Uploads batch `n` and waits until it is archived. Returns the status of its manifest. */
export async function runBatch(n: number, instance: Instance): Promise<string> {
  const { objects, landingBucket, url } = instance;
  const kind = n % KINDS.length;
  const batch = (KINDS[kind] ?? KINDS[0]!)(n);
  const key = manifestKeyOf(batchIdOf(n));
  const files = [];
  if (batch.file !== undefined) {
    const { name, body, type, format } = batch.file;
    await objects.put(landingBucket, `soak/${n}/${name}`, body);
    const crs = format === 'GeoJSON' ? { crs: 'EPSG:4326' } : {};
    files.push({ path: `s3://${landingBucket}/soak/${n}/${name}`, type, format, ...crs });
  }
  const metadata = { force: true, keep_versions: KEEP_VERSIONS, tags: { dataset_id: `soak-${kind}` } };
  const manifest = { batch_id: batchIdOf(n), uploader: 'soak', intent: batch.intent, files };
  await objects.put(
    landingBucket,
    key,
    batch.manifest ?? JSON.stringify({ ...manifest, metadata: { ...metadata, ...batch.metadata } }),
  );
  if (batch.cancelAfterMs !== undefined) {
    const runId = await admitted(key, instance);
    await wait(batch.cancelAfterMs); // Cancels at this moment of the run.
    // It is rejected if the run has succeeded meanwhile.
    await (await fetch(`${url}/api/runs/${runId}/cancel`, { method: 'POST' })).text();
  }
  return untilArchived(key, instance);
}

const POLL_MS = 50;
const TIMEOUT_MS = 10 * 60_000;

/** Waits until the manifest is admitted, and returns its run. */
async function admitted(key: string, { ledger }: Instance): Promise<string> {
  for (;;) {
    const runId = (await ledger.findManifestsByKey(key))[0]?.run_id;
    if (runId) return runId;
    await wait(1);
  }
}

async function untilArchived(key: string, { ledger }: Instance): Promise<string> {
  const deadline = Date.now() + TIMEOUT_MS;
  while (Date.now() < deadline) {
    const [document] = await ledger.findManifestsByKey(key);
    const run = document?.run_id ? await ledger.getRun(document.run_id) : undefined;
    const isDone = run === undefined ? document?.archive_key != null : run.steps.at(-1)?.status === 'done';
    if (document !== undefined && isDone) return document.status;
    await wait(POLL_MS);
  }
  assert.fail(`${key} was not archived within ${TIMEOUT_MS / 60_000} minutes.`);
}
