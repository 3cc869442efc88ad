import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { isArchived } from '#shared/run-control/resume-run.ts';
import type { DeadLetter } from '#shared/api/views.ts';

/** The state of the ledger and the landing zone that decides whether a dead letter can be re-driven. */
export interface RedriveFacts {
  /** The run that the event is about, if any. */
  run: Pick<RunDocument, 'run_id' | 'status' | 'steps'> | undefined;
  /** Key of the uploaded manifest, if the event is the notification of an upload. */
  manifestKey: string | undefined;
  /** Whether that manifest is still in the landing zone. */
  manifestExists: boolean;
}

/**
 * The reason why a re-drive would have no effect, with the action to take; undefined if it can have an effect. The
 * ledger rejects all steps of a run that has ended, except an archive step that is not done.
 */
export function redriveRefusal(
  letter: Pick<DeadLetter, 'id' | 'function'>,
  { run, manifestKey, manifestExists }: RedriveFacts,
): SluiceError | undefined {
  if (run !== undefined && run.status !== 'running') return refusalOfEndedRun(letter, run);
  if (manifestKey === undefined || manifestExists) return undefined;
  return new SluiceError(
    'MANIFEST_GONE',
    `Manifest ${manifestKey} is no longer in the landing zone. Upload it again, then discard this dead letter.`,
    { details: { id: letter.id, manifest_key: manifestKey } },
  );
}

function refusalOfEndedRun(
  { id, function: name }: Pick<DeadLetter, 'id' | 'function'>,
  run: NonNullable<RedriveFacts['run']>,
): SluiceError | undefined {
  if (name === 'archive' && !isArchived(run)) return undefined;
  const message =
    name === 'archive'
      ? `Run ${run.run_id} is archived. Discard this dead letter.`
      : `Run ${run.run_id} has ended (${run.status}), so ${name} would reject the event. ` +
        `Rerun it instead: npx sluice rerun ${run.run_id}`;
  const details = { id, run_id: run.run_id, status: run.status, function: name };
  return new SluiceError('RUN_CLOSED', message, { details });
}
