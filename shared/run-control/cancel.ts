import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { runCanceled } from '#shared/events/run-events.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { cancellation, operatorWhoCanceled, recordCancellation } from './cancellation.ts';

export interface CancelParts {
  ledger: Pick<Ledger, 'endRun' | 'getRun' | 'settleManifest' | 'appendActivity'>;
  router: { publish(event: SluiceEvent): Promise<void> };
}

/**
 * Ends a run as canceled: from the first write on, no claim of it can write any more, and its workers are told to stop their programs
 * and statements. Then the event goes out after which the run is archived. A crash between the two is made good by the same cancel once
 * more, or by monitor-runs. A repeat changes nothing, and keeps who canceled it first.
 * Throws RUN_NOT_FOUND, TRANSITION_ILLEGAL for a run that has succeeded or failed, DATABASE_UNAVAILABLE.
 */
export async function cancel(runId: string, operator: string, { ledger, router }: CancelParts): Promise<RunDocument> {
  const run = await end(runId, operator, ledger);
  await recordCancellation(ledger, run);
  await router.publish(runCanceled(run, operatorWhoCanceled(run)));
  return run;
}

async function end(runId: string, operator: string, ledger: CancelParts['ledger']): Promise<RunDocument> {
  try {
    return (await ledger.endRun(runId, 'canceled', cancellation(operator))).run;
  } catch (thrown) {
    if (!(thrown instanceof SluiceError) || thrown.code !== 'TRANSITION_ILLEGAL') throw thrown;
    const { from } = thrown.details;
    throw new SluiceError(
      'TRANSITION_ILLEGAL',
      `Run ${runId} has ended already (${String(from)}); only a run that is under way can be canceled.`,
      { cause: thrown, details: thrown.details },
    );
  }
}
