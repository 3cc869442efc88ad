import type { Lane } from '#shared/contracts/lanes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { runRequested } from '#shared/events/run-events.ts';
import type { ActivityDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { activityOf } from '#shared/ledger/activity.ts';
import { newRun } from '#shared/ledger/new-run.ts';
import { runPages } from './run-pages.ts';

export interface RerunRequest {
  operator: string;
  /** Identifies the request. A repeat of the request returns the run that the first one created. */
  requestId: string;
  /** Compute the asset again, even if a complete asset of the same input and recipe exists. */
  force: boolean;
  /** The span of the request, which is the parent of all spans of the new run. */
  traceparent?: string | undefined;
}

export interface RerunContext {
  ledger: Pick<Ledger, 'getRun' | 'listRuns' | 'insertRerun' | 'appendActivity'>;
  router: { publish(event: SluiceEvent): Promise<void> };
  /** Lanes that a function of this installation executes. */
  servedLanes: ReadonlySet<Lane>;
}

/**
 * Creates a new run of the manifest of an ended run. A repeated request creates no second run, but publishes the event
 * again, which a crash may have prevented. Concurrent requests get separate runs, because the ledger accepts each run
 * key once. Throws RUN_NOT_FOUND, TRANSITION_ILLEGAL while the run is running, LANE_NOT_AVAILABLE,
 * DATABASE_UNAVAILABLE, and REQUEST_INVALID if the request id was used to rerun another run.
 */
export async function rerun(
  runId: string,
  request: RerunRequest,
  { ledger, router, servedLanes }: RerunContext,
): Promise<{ created: boolean; run: RunDocument }> {
  const original = await ledger.getRun(runId);
  if (original === undefined)
    throw new SluiceError('RUN_NOT_FOUND', `Run ${runId} does not exist.`, { details: { run_id: runId } });
  const result = await insertRun(original, request, ledger, servedLanes);
  await ledger.appendActivity(rerunActivity(result.run));
  await router.publish(runRequested(result.run));
  return result;
}

/** The activity of a rerun. Its id depends on the run only, so a repeat adds no second entry. */
export function rerunActivity(run: RunDocument): ActivityDocument {
  const { operator } = run.tags;
  const force = run.manifest.metadata.force === true;
  return activityOf(
    {
      activity: 'run_rerun',
      operator,
      run_id: run.run_id,
      batch_id: run.batch_id,
      message: `${operator} reran ${run.rerun_of} of ${run.batch_id} as run ${run.run_id}.`,
      details: { rerun_of: run.rerun_of, request_id: run.request_id ?? null, force },
    },
    run.run_id,
  );
}

async function insertRun(
  original: RunDocument,
  request: RerunRequest,
  ledger: RerunContext['ledger'],
  servedLanes: ReadonlySet<Lane>,
): Promise<{ created: boolean; run: RunDocument }> {
  for (;;) {
    const runs = (await Array.fromAsync(runPages(ledger, { batch_id: original.batch_id }))).flat();
    const earlier = findRunOfRequest(runs, request.requestId);
    if (earlier !== undefined) {
      checkSameOriginal(earlier, original);
      return { created: false, run: earlier };
    }
    checkRepeatable(original, servedLanes);
    const { inserted, run } = await ledger.insertRerun(planRerun(original, runs, request));
    if (inserted) return { created: true, run };
    // Another request has used this run key. It can be a second delivery of this request, so read the runs again.
  }
}

function checkRepeatable({ run_id, status, lane }: RunDocument, servedLanes: ReadonlySet<Lane>): void {
  if (status === 'running')
    throw new SluiceError(
      'TRANSITION_ILLEGAL',
      `Run ${run_id} is still running. Wait until it ends, or cancel it. Then rerun it.`,
      { details: { run_id, from: status, to: 'running' } },
    );
  if (!servedLanes.has(lane))
    throw new SluiceError(
      'LANE_NOT_AVAILABLE',
      `Run ${run_id} needs the ${lane} lane, but no function of this installation executes it.`,
      { details: { run_id, lane } },
    );
}

function checkSameOriginal(earlier: RunDocument, original: RunDocument): void {
  if (earlier.rerun_of === original.run_id) return;
  throw new SluiceError(
    'REQUEST_INVALID',
    `The request id ${JSON.stringify(earlier.request_id)} was already used to rerun ${earlier.rerun_of}. ` +
      'Choose another request id.',
    { details: { field: 'request_id', rerun_of: earlier.rerun_of } },
  );
}

/** The run that an earlier request with this id created. */
export function findRunOfRequest(runsOfBatch: readonly RunDocument[], requestId: string): RunDocument | undefined {
  return runsOfBatch.find((run) => run.request_id === requestId);
}

/**
 * The next run of a batch: same manifest, lane and dataset. `runsOfBatch` must be complete, because the run number
 * follows from it.
 */
export function planRerun(
  original: RunDocument,
  runsOfBatch: readonly RunDocument[],
  { operator, requestId, force, traceparent }: RerunRequest,
): RunDocument {
  const { manifest } = original;
  return newRun({
    manifest: force ? { ...manifest, metadata: { ...manifest.metadata, force: true } } : manifest,
    manifestId: original.manifest_id,
    manifestKey: original.tags.manifest_key,
    lane: original.lane,
    datasetId: original.dataset_id,
    inputBytes: original.input_bytes,
    operator,
    requestId,
    traceparent,
    rerunOf: original.run_id,
    runNumber: 1 + Math.max(1, ...runsOfBatch.map(runNumber)),
  });
}

/** The number at the end of the run key: 1 for the first run of a batch, 2 for its first rerun. */
export function runNumber({ run_key }: Pick<RunDocument, 'run_key'>): number {
  // newRun escapes `:` in the batch_id, so the third part is the number. The first run has none.
  return Number(run_key.split(':')[2] ?? 1);
}
