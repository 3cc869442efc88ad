import { SluiceError } from '#shared/errors/sluice-error.ts';
import { parseEventData, type SluiceEvent } from '#shared/events/event.ts';
import type { EventData, EventType } from '#shared/events/types.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';

/**
 * The input of a step: the data of the event that the step before it recorded in the ledger. The data of the event
 * that was delivered are not used, because any client can post an event. Throws EVENT_INVALID for another event type,
 * and INTERNAL if no event was recorded.
 */
export function inputOfStep<T extends EventType>(
  { run, step }: { run: Pick<RunDocument, 'run_id' | 'steps'>; step: string },
  type: T,
): EventData<T> {
  const preceding = precedingStep(run, step);
  if (preceding?.reply) return parseEventData(preceding.reply as unknown as SluiceEvent, type);
  throw new SluiceError('INTERNAL', `The step before ${step} of run ${run.run_id} recorded no event.`, {
    details: { run_id: run.run_id, step },
  });
}

function precedingStep({ steps }: Pick<RunDocument, 'steps'>, name: string): RunDocument['steps'][number] | undefined {
  return steps[steps.findIndex((step) => step.name === name) - 1];
}

/** The attribute `sluiceclaim` of the event that a step returns: the claim that produced it. */
export function claimOfEvent({ step, token }: { step: string; token: number }): string {
  return `${step}/${token}`;
}

/**
 * False if the event names another claim than the one whose reply the ledger holds for the step before `step`: it was
 * produced before a restart of the run, or by another program. An event without the attribute, such as the request for
 * the run, is not checked.
 */
export function isFromRecordedClaim(
  event: Pick<SluiceEvent, 'sluiceclaim'>,
  { run, step }: { run: Pick<RunDocument, 'steps'>; step: string },
): boolean {
  const preceding = precedingStep(run, step);
  if (event.sluiceclaim === undefined || preceding === undefined) return true;
  return event.sluiceclaim === claimOfEvent({ step: preceding.name, token: preceding.token });
}
