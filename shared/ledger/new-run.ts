import { type Lane, LANE_GROUP, LANE_STEPS } from '#shared/contracts/lanes.ts';
import { archiveKeyOf } from '#shared/contracts/object-keys.ts';
import { deterministicObjectId, deterministicUuid } from '#shared/events/event.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';
import type { DatasetDocument, RunDocument, Step } from './documents.ts';

export interface NewRun {
  manifest: Manifest;
  /** `_id` of the manifest document. */
  manifestId: string;
  /** Key of the manifest in the landing zone. */
  manifestKey: string;
  lane: Lane;
  datasetId: string;
  /** The uploader, or the person who requested the rerun. */
  operator: string;
  traceparent?: string | undefined;
  /** Total size of the files or assets that the run reads. */
  inputBytes?: number | undefined;
  /** UUID of the run that this one repeats; requires `runNumber`. */
  rerunOf?: string | undefined;
  /** 1 for the first run of the batch (the default), 2 for its first rerun, and so on. */
  runNumber?: number | undefined;
  /** Identifies the rerun request. */
  requestId?: string | undefined;
}

/**
 * `{lane group}:{batch_id}`, and `:{n}` for the n-th run of a batch. `:` and `%` of the batch_id are percent-encoded,
 * so that a batch_id cannot end like the key of a rerun.
 */
export function runKey(lane: Lane, batchId: string, runNumber = 1): string {
  const first = `${LANE_GROUP[lane]}:${batchId.replaceAll('%', '%25').replaceAll(':', '%3A')}`;
  return runNumber === 1 ? first : `${first}:${runNumber}`;
}

/**
 * The document of a new run, with all steps of its lane pending. Its ids depend on the run key only, so that a repeated
 * call returns the same run.
 */
export function newRun(request: NewRun): RunDocument {
  const { manifest, lane } = request;
  const key = runKey(lane, manifest.batch_id, request.runNumber);
  const now = new Date().toISOString();
  return {
    _id: deterministicObjectId('run', key),
    run_id: deterministicUuid('run', key),
    run_key: key,
    batch_id: manifest.batch_id,
    manifest_id: request.manifestId,
    dataset_id: request.datasetId,
    lane,
    status: 'running',
    fence: 0,
    steps: LANE_STEPS[lane].map(pendingStep),
    asset_ids: [],
    tags: {
      batch_id: manifest.batch_id,
      uploader: manifest.uploader,
      intent: manifest.intent,
      manifest_key: request.manifestKey,
      lane: LANE_GROUP[lane],
      manifest_archive_key: archiveKeyOf(request.manifestKey),
      operator: request.operator,
    },
    manifest,
    error: null,
    ...(request.inputBytes === undefined ? {} : { input_bytes: request.inputBytes }),
    rerun_of: request.rerunOf ?? null,
    request_id: request.requestId ?? null,
    traceparent: request.traceparent ?? null,
    created_at: now,
    updated_at: now,
    finished_at: null,
  };
}

function pendingStep(name: string): Step {
  return {
    name,
    status: 'pending',
    attempt: 0,
    token: 0,
    owner: null,
    lease_until: null,
    started_at: null,
    finished_at: null,
    reply: null,
    error: null,
  };
}

/** The document of a dataset without versions. Its `_id` depends on `dataset_id` only. */
export function newDataset(datasetId: string): DatasetDocument {
  return {
    _id: deterministicObjectId('dataset', datasetId),
    dataset_id: datasetId,
    latest_version: 0,
    created_at: new Date().toISOString(),
  };
}
