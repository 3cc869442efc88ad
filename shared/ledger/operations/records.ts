import type { Lane } from '#shared/contracts/lanes.ts';
import type { ClaimRef, Status, UnsuccessfulStatus } from '#shared/contracts/statuses.ts';
import { type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import { storableValue } from '#shared/text/storable.ts';
import { staleClaim } from '../claim-rules.ts';
import {
  type ActivityDocument,
  ActivityDocumentSchema,
  type DatasetDocument,
  type LineageDocument,
  LineageDocumentSchema,
  type RunDocument,
  RunDocumentSchema,
} from '../documents.ts';
import { parseDocument } from '../collections.ts';
import type { ActivityFilter, Ledger, RunFilter, RunSummary, StepProgress } from '../ledger.ts';

/** Lineage, activities and datasets. Inserts change nothing when the `_id` is stored. */
export interface RecordQueries {
  /** False when the claim is not current. */
  insertLineage(claim: ClaimRef, edges: LineageDocument[]): Promise<boolean>;
  listLineage(assetId: string): Promise<LineageDocument[]>;
  listDerived(assetId: string): Promise<LineageDocument[]>;
  insertActivity(activity: ActivityDocument): Promise<void>;
  listActivity(filter: ActivityFilter): Promise<ActivityDocument[]>;
  listDatasets(filter: { withCompleteAsset: boolean }): Promise<DatasetDocument[]>;
  getDataset(datasetId: string): Promise<DatasetDocument | undefined>;
}

type RecordOperations = Pick<
  Ledger,
  'insertLineage' | 'listLineage' | 'listDerived' | 'appendActivity' | 'listActivity' | 'listDatasets' | 'getDataset'
>;

export function recordOperations(queries: RecordQueries): RecordOperations {
  return {
    async insertLineage(claim, edges) {
      const parsed = edges.map((edge) => parseDocument(LineageDocumentSchema, 'lineage', edge));
      if (!(await queries.insertLineage(claim, parsed))) throw staleClaim(claim);
    },
    listLineage: (assetId) => queries.listLineage(assetId),
    listDerived: (assetId) => queries.listDerived(assetId),
    // Messages of activities quote errors, which may contain any text.
    appendActivity: (activity) =>
      queries.insertActivity(parseDocument(ActivityDocumentSchema, 'activity_logs', storableValue(activity))),
    listActivity: (filter = {}) => queries.listActivity(filter),
    listDatasets: ({ withCompleteAsset = false } = {}) => queries.listDatasets({ withCompleteAsset }),
    getDataset: (datasetId) => queries.getDataset(datasetId),
  };
}

/** Called after a committed change of a run. */
export type AnnounceRun = (runId: string, status: Status) => void;

export interface RunQueries {
  getRun(runId: string): Promise<RunDocument | undefined>;
  getRunByKey(runKey: string): Promise<RunDocument | undefined>;
  listRuns(filter: RunFilter): Promise<RunDocument[]>;
  countRunningRuns(): Promise<{ lane: Lane; count: number }[]>;
  summarizeRuns(since: string): Promise<RunSummary['groups']>;
  /** Undefined when a run with its run_key or an id of its ids is stored. */
  insertRun(run: RunDocument): Promise<RunDocument | undefined>;
  /**
   * Ends a run whose status is one of statusesBefore(status), and sets STEP_FAILED (claim-rules.ts) on its running
   * steps, so that their claims are stale. Undefined when the run does not exist, has another status, or has a step
   * with the progress `unless`.
   */
  endRun(
    runId: string,
    status: UnsuccessfulStatus,
    error: ErrorDocument | null,
    unless: StepProgress | undefined,
  ): Promise<RunDocument | undefined>;
}

export function runOperations(
  queries: RunQueries,
  announceRun: AnnounceRun,
): Pick<Ledger, 'getRun' | 'listRuns' | 'countRunningRuns' | 'summarizeRuns' | 'insertRerun' | 'endRun'> {
  return {
    getRun: (runId) => queries.getRun(runId),
    listRuns: (filter = {}) => queries.listRuns(filter),
    async countRunningRuns() {
      return Object.fromEntries((await queries.countRunningRuns()).map(({ lane, count }) => [lane, count]));
    },
    async summarizeRuns(since) {
      const [running, groups] = await Promise.all([queries.countRunningRuns(), queries.summarizeRuns(since)]);
      return { running: running.reduce((sum, { count }) => sum + count, 0), groups };
    },
    async insertRerun(run) {
      const inserted = await queries.insertRun(parseDocument(RunDocumentSchema, 'runs', run));
      if (inserted !== undefined) {
        announceRun(run.run_id, run.status);
        return { inserted: true, run: inserted };
      }
      const stored = await queries.getRunByKey(run.run_key);
      if (stored !== undefined) return { inserted: false, run: stored };
      throw new SluiceError('INTERNAL', `Run ${run.run_id} is stored with a run key other than ${run.run_key}.`, {
        details: { run_id: run.run_id, run_key: run.run_key },
      });
    },
    async endRun(runId, status, error, unless) {
      const ended = await queries.endRun(runId, status, storableValue(error), unless);
      if (ended !== undefined) {
        announceRun(runId, status);
        return { changed: true, run: ended };
      }
      const run = await queries.getRun(runId);
      if (run === undefined) throw runNotFound(runId);
      if (run.status === status || run.status === 'running') return { changed: false, run };
      throw new SluiceError('TRANSITION_ILLEGAL', `Run ${runId} is ${run.status} and cannot become ${status}.`, {
        details: { run_id: runId, from: run.status, to: status },
      });
    },
  };
}

export function runNotFound(runId: string): SluiceError {
  return new SluiceError('RUN_NOT_FOUND', `Run ${runId} does not exist.`, { details: { run_id: runId } });
}
