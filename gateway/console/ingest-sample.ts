import { readFile } from 'node:fs/promises';
import { type RunView } from '#shared/api/views.ts';
import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import type { ManifestDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import { manifestView } from '#shared/api/create-views.ts';
import type { RunningSluice } from '../start.ts';
import { viewOfRun } from '../api/routes/runs.ts';

/** Its source and license are in gateway/console/sample/README.md. */
const FILE = new URL('./sample/countries.zip', import.meta.url);
const BATCH_ID = 'sample-countries';
const FILE_KEY = `${BATCH_ID}/countries.zip`;
const MANIFEST_KEY = manifestKeyOf(BATCH_ID);

/** How often the run is read again, because a notification can be lost. */
const REREAD_MS = 1_000;

/** True until the ledger has a run. If a first start ends before the upload, the next start ingests the sample. */
export async function isFirstStart(ledger: Ledger): Promise<boolean> {
  return (await ledger.listRuns({ limit: 1 })).length === 0;
}

/**
 * Uploads the sample to the landing zone as a user would: the file, then the manifest. Resolves when the run has ended
 * or the manifest was rejected. `signal` ends the waiting; the run continues.
 */
export async function ingestSample(
  { context, embeddedStore, publishWaitingManifests }: RunningSluice,
  signal: AbortSignal,
): Promise<RunView> {
  const { objects, env, ledger } = context;
  await objects.put(env.LANDING_BUCKET, FILE_KEY, await readFile(FILE), { contentType: 'application/zip' });
  await objects.put(env.LANDING_BUCKET, MANIFEST_KEY, JSON.stringify(sampleManifest(env.LANDING_BUCKET), null, 2), {
    contentType: 'application/json',
  });
  // Another store sends notifications only after `sluice setup-storage`.
  if (!embeddedStore) await publishWaitingManifests();
  const ended = await untilEnded(ledger, signal);
  return 'steps' in ended ? viewOfRun({ ledger, env }, ended) : manifestView(ended);
}

function sampleManifest(landingBucket: string): Manifest {
  return {
    batch_id: BATCH_ID,
    uploader: 'sluice',
    intent: 'ingest_vector',
    files: [{ path: `s3://${landingBucket}/${FILE_KEY}`, type: 'vector', format: 'ESRI Shapefile' }],
    metadata: {
      project: 'sample',
      description: 'Countries of the world, Natural Earth 1:110m.',
      tags: { dataset_id: 'countries' },
    },
  };
}

async function untilEnded(ledger: Ledger, signal: AbortSignal): Promise<RunDocument | ManifestDocument> {
  const ended = new AbortController();
  using watching = new JoinedSignal([signal, ended.signal]);
  let wake: () => void = () => undefined;
  // If the watch fails, the run is read every REREAD_MS.
  await ledger.watchRuns(() => wake(), watching.signal).catch(() => undefined);
  try {
    for (;;) {
      signal.throwIfAborted();
      const changed = new Promise<void>((done) => {
        wake = done;
      });
      const [run] = await ledger.listRuns({ batch_id: BATCH_ID, limit: 1 });
      // Waits for the archive step, which follows the end of a run and deletes its working data.
      if (run !== undefined && run.status !== 'running' && run.steps.at(-1)?.status === 'done') return run;
      const manifest = run === undefined ? await ledger.findManifestByBatch(BATCH_ID) : undefined;
      if (manifest?.status === 'failure') return manifest;
      await Promise.race([changed, sleep(REREAD_MS)]);
    }
  } finally {
    ended.abort();
  }
}

/** Does not keep the process alive. */
async function sleep(milliseconds: number): Promise<void> {
  await new Promise<void>((done) => void setTimeout(done, milliseconds).unref());
}
