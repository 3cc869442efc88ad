import { setRetentionOfManifest } from '#shared/assets/remove-assets.ts';
import { addVersionToCatalog } from '#shared/catalog/write-catalog.ts';
import { type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { runCanceled, runFailed } from '#shared/events/run-events.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger, StepProgress } from '#shared/ledger/ledger.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import type { Logger } from '#shared/log/log.ts';
import type { Context } from '#shared/runtime/context.ts';
import { inputOfStep } from '#shared/runtime/step-input.ts';

// shared/run-control: operations that change a whole run (cancel, fail, rerun, resume), for functions and gateway.
// A run that succeeds is ended by record-lineage, together with its step.

export interface CancelContext {
  ledger: Pick<Ledger, 'endRun' | 'getRun' | 'endManifest' | 'appendActivity'>;
  router: { publish(event: SluiceEvent): Promise<void> };
}

/**
 * Ends a run as canceled and publishes the event that starts its archive step. After the first write, no claim of the
 * run can write, and the runtime aborts the programs and statements of its workers. If the process crashes before the
 * event is published, monitor-runs publishes it, or a repeated cancel does. A repeat changes nothing: the first
 * operator stays recorded. Throws RUN_NOT_FOUND, TRANSITION_ILLEGAL for a run that has succeeded or failed,
 * DATABASE_UNAVAILABLE.
 */
export async function cancelRun(
  runId: string,
  operator: string,
  { ledger, router }: CancelContext,
): Promise<RunDocument> {
  const run = await endAsCanceled(runId, operator, ledger);
  await recordCancellation(ledger, run);
  await router.publish(runCanceled(run, canceledBy(run)));
  return run;
}

async function endAsCanceled(runId: string, operator: string, ledger: CancelContext['ledger']): Promise<RunDocument> {
  try {
    return (await ledger.endRun(runId, 'canceled', canceledError(operator))).run;
  } catch (thrown) {
    if (!(thrown instanceof SluiceError) || thrown.code !== 'TRANSITION_ILLEGAL') throw thrown;
    const { from } = thrown.details;
    const inCatalog = from === 'success' ? ' Its versions are in the catalog.' : '';
    throw new SluiceError(
      'TRANSITION_ILLEGAL',
      `Run ${runId} has already ended with status "${String(from)}".${inCatalog} Only a running run can be canceled.`,
      { cause: thrown, details: thrown.details },
    );
  }
}

/** The error of a canceled run. It is the only record of the operator until the activity is written. */
export function canceledError(operator: string): ErrorDocument {
  return { code: 'CANCELED', message: `${operator} canceled the run.`, details: { operator } };
}

/** The operator that canceled the run, from its error. */
export function canceledBy({ error }: Pick<RunDocument, 'error'>): string {
  const operator = error?.details.operator;
  return typeof operator === 'string' ? operator : SLUICE_OPERATOR;
}

/**
 * Ends the manifest of a canceled run and writes the activity. A repeat changes nothing, so both cancelRun and archive
 * call it.
 */
export async function recordCancellation(
  ledger: Pick<Ledger, 'endManifest' | 'appendActivity'>,
  run: RunDocument,
): Promise<void> {
  await endManifestOfRun(ledger, run);
  const operator = canceledBy(run);
  await ledger.appendActivity(
    activityOf(
      {
        activity: 'run_canceled',
        operator,
        run_id: run.run_id,
        batch_id: run.batch_id,
        message: `${operator} canceled run ${run.run_id} of ${run.batch_id}.`,
        details: { steps_done: run.steps.filter((step) => step.status === 'done').map((step) => step.name) },
      },
      run.run_id,
    ),
  );
}

/** The error of a failed run, and the step that caused it, if any. With `unless`, see Ledger.endRun. */
export interface RunFailure {
  error: ErrorDocument;
  step: string | null;
  unless?: StepProgress | undefined;
}

/**
 * Ends a run as failed, ends its manifest, writes the activity, and returns the event that starts its archive step. If
 * the run has failed before, its first error is kept and the same event is returned. Undefined if the run was
 * canceled or succeeded, or stays running because of `unless`.
 */
export async function failRun(
  runId: string,
  { error, step, unless }: RunFailure,
  { ledger, log }: { ledger: Pick<Ledger, 'endRun' | 'endManifest' | 'appendActivity'>; log: Logger },
): Promise<SluiceEvent | undefined> {
  const run = await endAsFailed(runId, { error, unless }, ledger);
  if (run?.status !== 'failure' || run.error === null) return undefined;
  await endManifestOfRun(ledger, run);
  await ledger.appendActivity(
    activityOf(
      {
        activity: 'run_failed',
        operator: SLUICE_OPERATOR,
        run_id: run.run_id,
        batch_id: run.batch_id,
        message: `Run ${run.run_id} of ${run.batch_id} failed: ${run.error.message}`,
        details: { step, error: run.error },
      },
      run.run_id,
    ),
  );
  log.warn({ run_id: run.run_id, batch_id: run.batch_id, step, error: run.error }, 'Run:End:Failure');
  return runFailed(run, run.error);
}

async function endAsFailed(
  runId: string,
  { error, unless }: Pick<RunFailure, 'error' | 'unless'>,
  ledger: Pick<Ledger, 'endRun'>,
): Promise<RunDocument | undefined> {
  try {
    return (await ledger.endRun(runId, 'failure', error, unless)).run;
  } catch (thrown) {
    if (thrown instanceof SluiceError && thrown.code === 'TRANSITION_ILLEGAL') return undefined;
    throw thrown;
  }
}

/**
 * Copies status and error of an ended run to its manifest. A repeat changes nothing, so every function that ends or
 * archives a run calls it; after a crash, the next of them completes it. A rerun does not change the manifest.
 */
export async function endManifestOfRun(
  ledger: Pick<Ledger, 'endManifest'>,
  run: Pick<RunDocument, 'manifest_id' | 'rerun_of' | 'status' | 'error'>,
): Promise<void> {
  if (run.rerun_of !== null || run.status === 'running') return;
  await ledger.endManifest(run.manifest_id, run.status, run.error);
}

type Services = Pick<Context, 'ledger' | 'objects' | 'env' | 'log'>;

/**
 * What follows the success of a run: its versions enter the catalog, the retention rule of its manifest applies, its
 * manifest ends, and the activity is written last. A repeat after the activity changes nothing, so record-lineage and
 * archive both call it; after a crash in between, the next of them completes it.
 */
export async function recordSuccess(runId: string, services: Services): Promise<void> {
  const { ledger, log } = services;
  const run = await ledger.getRun(runId);
  if (run?.status !== 'success' || (await isRecorded(run, services))) return;
  await addVersionsToCatalog(run, services);
  await endManifestOfRun(ledger, run);
  const { asset_ids, reused } = inputOfStep({ run, step: 'record-lineage' }, 'sluice.asset.exported');
  const result = { asset_ids, reused };
  await ledger.appendActivity(
    activityOf(
      {
        activity: 'run_succeeded',
        operator: SLUICE_OPERATOR,
        run_id: runId,
        batch_id: run.batch_id,
        message: successMessage(run, result),
        details: { ...result, dataset_id: run.dataset_id },
      },
      runId,
    ),
  );
  log.info({ run_id: runId, batch_id: run.batch_id, ...result }, 'Run:End:Success');
}

async function isRecorded({ run_id }: RunDocument, { ledger }: Services): Promise<boolean> {
  return (await ledger.listActivity({ run_id })).some(({ activity }) => activity === 'run_succeeded');
}

/**
 * Applies the retention rule and adds the versions that the run made to the catalog. Only complete versions count for
 * both, so nothing is removed for a run that was canceled.
 */
async function addVersionsToCatalog(run: RunDocument, services: Services): Promise<void> {
  for (const asset of await services.ledger.getAssets(run.asset_ids)) {
    if (asset.run_id !== run._id) continue; // A reused version is in the catalog.
    await setRetentionOfManifest(asset.dataset_id, run, services);
    await services.ledger.removeOldVersions(asset.dataset_id);
    await addVersionToCatalog(asset, services);
  }
}

function successMessage(
  { run_id, batch_id }: RunDocument,
  { asset_ids, reused }: { asset_ids: string[]; reused: boolean },
): string {
  const succeeded = `Run ${run_id} of ${batch_id} succeeded`;
  return reused
    ? `${succeeded}. It reused ${asset_ids.join(', ')}, because the same input was processed before.`
    : `${succeeded}.`;
}
