import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { settleManifestWithRun } from './settle-manifest.ts';

/** Why a canceled run ended, kept on the run: also the one place that remembers who canceled it. */
export function cancellation(operator: string): ErrorDocument {
  return { code: 'CANCELED', message: `${operator} canceled the run.`, details: { operator } };
}

/** Who canceled the run, as its error says. */
export function operatorWhoCanceled({ error }: Pick<RunDocument, 'error'>): string {
  const operator = error?.details.operator;
  return typeof operator === 'string' ? operator : SLUICE_OPERATOR;
}

/**
 * Writes what follows from a cancel: the manifest's status and the line of activity. A repeat changes nothing, so whoever comes first
 * after a crash does it: the cancel once more, or the archive step.
 */
export async function recordCancellation(
  ledger: Pick<Ledger, 'settleManifest' | 'appendActivity'>,
  run: RunDocument,
): Promise<void> {
  await settleManifestWithRun(ledger, run);
  const operator = operatorWhoCanceled(run);
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
