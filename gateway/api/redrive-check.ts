import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { isArchived } from '#shared/run-control/due-event.ts';
import type { DeadLetter } from '../router/dead-letter-event.ts';

/** What the ledger and the landing zone say about a dead letter. */
export interface DeadLetterFacts {
  /** The run that the event is about, if any. */
  run: Pick<RunDocument, 'run_id' | 'status' | 'steps'> | undefined;
  /** Key of the manifest whose upload the event announces, if it is such an event. */
  manifestKey: string | undefined;
  /** That manifest still lies in the landing zone. */
  manifestWaits: boolean;
}

/**
 * Why delivering a dead letter once more would do nothing, with what to do instead; undefined when it can do something. A step of a run
 * that has ended is refused by the ledger, for ended is ended; only its archive step may still be missing.
 */
export function redriveRefusal(
  letter: Pick<DeadLetter, 'id' | 'function'>,
  { run, manifestKey, manifestWaits }: DeadLetterFacts,
): SluiceError | undefined {
  if (run !== undefined && run.status !== 'running') return refusalOfEnded(letter, run);
  if (manifestKey === undefined || manifestWaits) return undefined;
  return new SluiceError(
    'MANIFEST_GONE',
    `${manifestKey} is no longer in the landing zone, so nothing is left to read. Upload it again, then discard this dead letter.`,
    {
      details: { id: letter.id, manifest_key: manifestKey },
    },
  );
}

function refusalOfEnded(
  { id, function: name }: Pick<DeadLetter, 'id' | 'function'>,
  run: NonNullable<DeadLetterFacts['run']>,
): SluiceError | undefined {
  if (name === 'archive' && !isArchived(run)) return undefined;
  const message =
    name === 'archive'
      ? `Run ${run.run_id} has been archived meanwhile. Discard this dead letter.`
      : `Run ${run.run_id} has ended (${run.status}), so ${name} would do nothing for it. Rerun it instead: npx sluice rerun ${run.run_id}`;
  return new SluiceError('RUN_CLOSED', message, {
    details: { id, run_id: run.run_id, status: run.status, function: name },
  });
}
