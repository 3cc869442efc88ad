import { type RunView } from '#shared/api/views.ts';
import type { ManifestDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import { manifestView } from '#shared/api/create-views.ts';
import type { RunningSluice } from '../start-sluice.ts';
import { viewOfRun } from '../api/routes/runs.ts';
import { SAMPLE_BATCH, uploadSample } from './sample-batch.ts';

/** How often the run is read again, because a notification can be lost. */
const REREAD_MS = 1_000;

/** True until the ledger has a run. If a first start ends before the upload, the next start ingests the sample. */
export async function isFirstStart(ledger: Ledger): Promise<boolean> {
  return (await ledger.listRuns({ limit: 1 })).length === 0;
}

/**
 * Uploads the sample. Resolves when the run has ended or the manifest was rejected. `signal` ends the waiting; the run
 * continues.
 */
export async function ingestSample(
  { context, embeddedStore, publishWaitingManifests }: RunningSluice,
  signal: AbortSignal,
): Promise<RunView> {
  const { objects, env, ledger } = context;
  await uploadSample(objects, env.LANDING_BUCKET);
  // Another store sends notifications only after `sluice setup-storage`.
  if (!embeddedStore) await publishWaitingManifests();
  const ended = await untilEnded(ledger, signal);
  return 'steps' in ended ? viewOfRun({ ledger, env }, ended) : manifestView(ended);
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
      const [run] = await ledger.listRuns({ batch_id: SAMPLE_BATCH, limit: 1 });
      // Waits for the archive step, which follows the end of a run and deletes its working data.
      if (run !== undefined && run.status !== 'running' && run.steps.at(-1)?.status === 'done') return run;
      const manifest = run === undefined ? await ledger.findManifestByBatch(SAMPLE_BATCH) : undefined;
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
