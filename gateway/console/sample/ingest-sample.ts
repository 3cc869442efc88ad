import { manifestKeyOf } from '#shared/contracts/object-keys.ts';
import { readFile } from 'node:fs/promises';
import type { ManifestDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';
import { viewOfRun } from '../../api/routes/run-views.ts';
import type { RunningSluice } from '../../start.ts';
import { manifestView, type RunView } from '#shared/api/views.ts';

/** The bundled data set: gateway/console/sample/README.md says where it comes from. */
const FILE = new URL('./countries.zip', import.meta.url);
const BATCH_ID = 'sample-countries';
const FILE_KEY = `${BATCH_ID}/countries.zip`;
const MANIFEST_KEY = manifestKeyOf(BATCH_ID);

/** Notifications of changes can be missed, so the run is read again this often. */
const READ_AGAIN_MS = 1_000;

/** True until a first run exists: a start that was cut off before its sample was announced does it again. */
export async function isFirstStart(ledger: Ledger): Promise<boolean> {
  return (await ledger.listRuns({ limit: 1 })).length === 0;
}

/**
 * Puts the sample into the landing zone as a user would, files first and then the manifest, and resolves when its run has
 * ended, or its manifest was rejected. `signal` ends the waiting; the run goes on.
 */
export async function ingestSample(
  { context, ownStore, announceWaiting }: RunningSluice,
  signal: AbortSignal,
): Promise<RunView> {
  const { objects, env, ledger } = context;
  await objects.put(env.LANDING_BUCKET, FILE_KEY, await readFile(FILE), { contentType: 'application/zip' });
  await objects.put(env.LANDING_BUCKET, MANIFEST_KEY, JSON.stringify(manifestOf(env.LANDING_BUCKET), null, 2), {
    contentType: 'application/json',
  });
  if (!ownStore) await announceWaiting(); // Another store sends notifications only after `sluice setup-storage`.
  const ended = await untilEnded(ledger, signal);
  return 'steps' in ended ? viewOfRun({ ledger, env }, ended) : manifestView(ended);
}

function manifestOf(landingBucket: string): Manifest {
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
  const watching = new AbortController();
  let wake: () => void = () => undefined;
  await ledger.watchRuns(() => wake(), AbortSignal.any([signal, watching.signal])).catch(() => undefined); // Reading again does without.
  try {
    for (;;) {
      signal.throwIfAborted();
      const changed = new Promise<void>((done) => {
        wake = done;
      });
      const [run] = await ledger.listRuns({ batch_id: BATCH_ID, limit: 1 });
      // The archive step comes after the end of a run, and cleans up.
      if (run !== undefined && run.status !== 'running' && run.steps.at(-1)?.status === 'done') return run;
      const manifest = run === undefined ? await ledger.findManifestByBatch(BATCH_ID) : undefined;
      if (manifest?.status === 'failure') return manifest;
      await Promise.race([changed, pause(READ_AGAIN_MS)]);
    }
  } finally {
    watching.abort();
  }
}

async function pause(milliseconds: number): Promise<void> {
  await new Promise<void>((done) => void setTimeout(done, milliseconds).unref());
}
