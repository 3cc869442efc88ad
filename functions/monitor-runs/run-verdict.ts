import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import { deterministicId, type SluiceEvent } from '#shared/events/event.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { dueEvent } from '#shared/run-control/due-event.ts';

/** What a look at a run that is not over leads to. */
export type RunVerdict =
  /** Somebody works on it, or did a moment ago. */
  | { kind: 'leave' }
  | { kind: 'announce'; event: SluiceEvent }
  | { kind: 'fail'; error: ErrorDocument; step: string | null };

/** Between two steps a run is in the queue for milliseconds; within this time nothing can be said. */
export const SETTLED_AFTER_MS = 60_000;
/** While an event may still be in the queue, it is sent with its own id, which adds nothing. After this time it is sent under a new one. */
const FORGOTTEN_AFTER_MS = 10 * 60_000;

/**
 * Judges a run that is under way, or has ended and is not archived, by the ledger alone: the queue may be another program's. Nothing
 * decides twice what a repeat could harm: every event is answered from the ledger when its step is done.
 */
export function verdictOn(run: RunDocument, now: number, stuckAfterMs: number): RunVerdict {
  const idle = now - Date.parse(run.updated_at);
  if (
    idle < SETTLED_AFTER_MS ||
    run.steps.some((step) => step.status === 'running' && Date.parse(step.lease_until ?? '') > now)
  )
    return { kind: 'leave' };
  if (run.status === 'running' && idle >= stuckAfterMs) return stuck(run, idle);
  const event = dueEvent(run);
  return event === undefined ? { kind: 'leave' } : { kind: 'announce', event: inRound(event, roundOf(idle)) };
}

/** 0 at first, then 1 after ten minutes, 2 after twenty, 3 after forty: each round is one more delivery, ever more rarely. */
export function roundOf(idleMs: number): number {
  return idleMs < FORGOTTEN_AFTER_MS ? 0 : 1 + Math.floor(Math.log2(idleMs / FORGOTTEN_AFTER_MS));
}

/** The event under an id that the queue has not seen, the same in the whole round. */
function inRound(event: SluiceEvent, round: number): SluiceEvent {
  return round === 0 ? event : { ...event, id: deterministicId(event.id, 'again', round) };
}

function stuck(run: RunDocument, idle: number): RunVerdict {
  const step = run.steps.find((candidate) => candidate.status !== 'done')?.name ?? null;
  const minutes = Math.round(idle / 60_000);
  const message = `Nothing has happened in ${step ?? 'the run'} for ${minutes} minutes, although its event was sent again.`;
  return { kind: 'fail', step, error: { code: 'RUN_STUCK', message, details: { step, minutes } } };
}
