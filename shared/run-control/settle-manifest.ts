import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';

/**
 * Gives the manifest the status and error of its ended run. A repeat changes nothing, so every function that ends or follows
 * a run calls it: whichever comes first after a crash does it. A rerun leaves the manifest as the first run left it.
 */
export async function settleManifestWithRun(
  ledger: Pick<Ledger, 'settleManifest'>,
  run: Pick<RunDocument, 'manifest_id' | 'rerun_of' | 'status' | 'error'>,
): Promise<void> {
  if (run.rerun_of !== null || run.status === 'running') return;
  await ledger.settleManifest(run.manifest_id, run.status, run.error);
}
