import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { runRequested } from '#shared/events/run-events.ts';
import { activityOf } from '#shared/ledger/activity.ts';
import type { ActivityDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Lane } from '#shared/contracts/lanes.ts';
import { planRerun, type RerunRequest, runOfRequest } from './plan-rerun.ts';

export interface RerunParts {
  ledger: Pick<Ledger, 'getRun' | 'listRuns' | 'insertRerun' | 'appendActivity'>;
  router: { publish(event: SluiceEvent): Promise<void> };
  /** Lanes that a function of this installation executes. */
  servedLanes: ReadonlySet<Lane>;
}

/** Runs of a batch that are read at once. */
const RUNS_PER_PAGE = 500;

/**
 * Starts a new run of the manifest of a run that has ended, however it ended. The same request again starts no second one, and sends the
 * event again that a crash may have kept back, as monitor-runs does. Of requests at once each gets a run of its own: the ledger gives each run key once.
 * Throws RUN_NOT_FOUND, TRANSITION_ILLEGAL while the run is under way, LANE_NOT_AVAILABLE, DATABASE_UNAVAILABLE.
 */
export async function rerun(
  runId: string,
  request: RerunRequest,
  { ledger, router, servedLanes }: RerunParts,
): Promise<{ created: boolean; run: RunDocument }> {
  const original = await ledger.getRun(runId);
  if (original === undefined)
    throw new SluiceError('RUN_NOT_FOUND', `There is no run ${runId}.`, { details: { run_id: runId } });
  const result = await insert(original, request, ledger, servedLanes);
  await ledger.appendActivity(rerunActivity(result.run));
  await router.publish(runRequested(result.run));
  return result;
}

/** The line of activity of a rerun; a repeat writes no second one. */
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

async function insert(
  original: RunDocument,
  request: RerunRequest,
  ledger: RerunParts['ledger'],
  servedLanes: ReadonlySet<Lane>,
): Promise<{ created: boolean; run: RunDocument }> {
  for (;;) {
    const runs = await runsOfBatch(original.batch_id, ledger);
    const earlier = runOfRequest(runs, request.requestId);
    if (earlier !== undefined) return { created: false, run: sameRequest(earlier, original) };
    checkRepeatable(original, servedLanes);
    const { inserted, run } = await ledger.insertRerun(planRerun(original, runs, request));
    if (inserted) return { created: true, run };
    // Another request took this number: it may be this very one, delivered twice.
  }
}

async function runsOfBatch(batchId: string, ledger: RerunParts['ledger']): Promise<RunDocument[]> {
  const all: RunDocument[] = [];
  for (;;) {
    const page = await ledger.listRuns({ batch_id: batchId, limit: RUNS_PER_PAGE, offset: all.length });
    all.push(...page);
    if (page.length < RUNS_PER_PAGE) return all;
  }
}

function checkRepeatable({ run_id, status, lane }: RunDocument, servedLanes: ReadonlySet<Lane>): void {
  if (status === 'running') {
    throw new SluiceError(
      'TRANSITION_ILLEGAL',
      `Run ${run_id} is under way. Wait until it has ended, or cancel it; then rerun it.`,
      { details: { run_id, from: status, to: 'running' } },
    );
  }
  if (!servedLanes.has(lane)) {
    throw new SluiceError(
      'LANE_NOT_AVAILABLE',
      `Run ${run_id} is of the ${lane} lane, which no function of this installation serves.`,
      { details: { run_id, lane } },
    );
  }
}

/** A request id that was used for another run of the batch would give a run that was not asked for. */
function sameRequest(earlier: RunDocument, original: RunDocument): RunDocument {
  if (earlier.rerun_of === original.run_id) return earlier;
  throw new SluiceError(
    'REQUEST_INVALID',
    `The request id ${JSON.stringify(earlier.request_id)} was used to rerun ${earlier.rerun_of}. Choose another one.`,
    {
      details: { field: 'request_id', rerun_of: earlier.rerun_of },
    },
  );
}
