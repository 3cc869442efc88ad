import type { RunDocument } from '#shared/ledger/documents.ts';
import { newRun } from '#shared/ledger/new-run.ts';

export interface RerunRequest {
  /** Who asks for it. */
  operator: string;
  /** Names the request: the same one again gives the run that it gave before. */
  requestId: string;
  /** Compute, although an asset of the same input and recipe exists. */
  force: boolean;
}

/** 1 for the first run of a batch, 2 for its first rerun, and so on: the end of the run key. */
export function attemptNoOf({ run_key }: Pick<RunDocument, 'run_key'>): number {
  // A batch_id holds no plain `:` in a run key, so a second one begins the number.
  return Number(run_key.split(':')[2] ?? 1);
}

/** The run that an earlier request with this id made, if any. */
export function runOfRequest(runsOfBatch: readonly RunDocument[], requestId: string): RunDocument | undefined {
  return runsOfBatch.find((run) => run.request_id === requestId);
}

/** The next run of the batch: of the same manifest, in the same lane, for the same dataset. `runsOfBatch` are all that there are. */
export function planRerun(
  original: RunDocument,
  runsOfBatch: readonly RunDocument[],
  { operator, requestId, force }: RerunRequest,
): RunDocument {
  const { manifest } = original;
  return newRun({
    manifest: force ? { ...manifest, metadata: { ...manifest.metadata, force: true } } : manifest,
    manifestId: original.manifest_id,
    manifestKey: original.tags.manifest_key,
    lane: original.lane,
    datasetId: original.dataset_id,
    operator,
    requestId,
    rerunOf: original.run_id,
    attemptNo: 1 + Math.max(1, ...runsOfBatch.map(attemptNoOf)),
  });
}
