import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import { deterministicId, type SluiceEvent } from '#shared/events/event.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { failRun } from '#shared/run-control/end-run.ts';
import { listUnarchivedRuns, nextEvent, resumeRun } from '#shared/run-control/resume-run.ts';
import type { Context } from '#shared/runtime/context.ts';

export const MS_PER_MINUTE = 60_000;
/**
 * A run without activity for less than this is not touched: its event is probably in the queue, where it stays for
 * milliseconds.
 */
export const GRACE_MS = 60_000;
/**
 * Within this time, the event can still be in the queue. It is published with its own id, which the queue then ignores.
 * After this time, it gets a new id.
 */
const ID_REMEMBERED_MS = 10 * 60_000;

/**
 * Publishes the next event of every run that is not archived and has no valid claim, and fails runs without activity
 * for RUN_STUCK_MINUTES. `now` is the minute at which the tick was due, so that no delay of a tick skips or repeats a
 * publication to a broker. A run that is missing in the list, because others were archived meanwhile, is resumed by
 * the next call.
 */
export async function resumeRuns(context: Context, now = Date.now()): Promise<{ resumed: number; failed: number }> {
  const counts = { resumed: 0, failed: 0 };
  for await (const run of listUnarchivedRuns(context.ledger)) {
    if (context.signal.aborted) break;
    const outcome = await resumeOrFail(run, now, context);
    if (outcome !== undefined) counts[outcome] += 1;
  }
  return counts;
}

async function resumeOrFail(
  run: RunDocument,
  now: number,
  context: Context,
): Promise<'resumed' | 'failed' | undefined> {
  const { ledger, log, publish, env } = context;
  const decision = decide(run, now, env.RUN_STUCK_MINUTES * MS_PER_MINUTE);
  if (decision.action === 'wait') return undefined;
  const skipsTick = env.K_SINK !== undefined && !isPublishedAt(now - Date.parse(run.updated_at));
  if (decision.action === 'resume' && skipsTick) return undefined;
  if (decision.action === 'fail') {
    const event = await failRun(run.run_id, decision, { ledger, log });
    if (event !== undefined) await publish(event);
    return 'failed';
  }
  const { event } = decision;
  await resumeRun(run, event, context);
  log.info({ run_id: run.run_id, status: run.status, type: event.type, id: event.id }, 'Run:Resume:Published');
  return 'resumed';
}

/** What to do with a run that is not archived. */
export type RunDecision =
  /** A function executes one of its steps, or did so recently. */
  | { action: 'wait' }
  | { action: 'resume'; event: SluiceEvent }
  | { action: 'fail'; error: ErrorDocument; step: string | null };

/**
 * Decides from the ledger only, because the queue can be a Knative broker. Publishing an event too often is harmless: a
 * step that is done returns the reply in the ledger. Pure.
 */
export function decide(run: RunDocument, now: number, stuckAfterMs: number): RunDecision {
  const idleMs = now - Date.parse(run.updated_at);
  const hasValidClaim = run.steps.some((step) => step.status === 'running' && Date.parse(step.lease_until ?? '') > now);
  if (idleMs < GRACE_MS || hasValidClaim) return { action: 'wait' };
  if (run.status === 'running' && idleMs >= stuckAfterMs) return failAsStuck(run, idleMs);
  const event = nextEvent(run);
  if (event === undefined) return { action: 'wait' };
  return { action: 'resume', event: withRound(event, roundOf(idleMs)) };
}

/**
 * The number of new ids that the event has had: 0 at first, then 1 after 10 minutes, 2 after 20, 3 after 40, and so on.
 */
export function roundOf(idleMs: number): number {
  return idleMs < ID_REMEMBERED_MS ? 0 : 1 + Math.floor(Math.log2(idleMs / ID_REMEMBERED_MS));
}

/**
 * Whether a broker gets the event at the tick that is due after this time without activity: after 1, 2, 4, 8, … full
 * minutes. A broker delivers each repeat, and an event can wait there for minutes while the functions are busy.
 */
export function isPublishedAt(idleMs: number): boolean {
  return Number.isInteger(Math.log2(Math.floor(idleMs / MS_PER_MINUTE)));
}

/** The event with an id that the queue does not have. Within a round the id is the same. */
function withRound(event: SluiceEvent, round: number): SluiceEvent {
  return round === 0 ? event : { ...event, id: deterministicId(event.id, 'again', round) };
}

function failAsStuck(run: RunDocument, idleMs: number): RunDecision {
  const step = run.steps.find((candidate) => candidate.status !== 'done')?.name ?? null;
  const minutes = Math.round(idleMs / MS_PER_MINUTE);
  const subject = step ?? 'The run';
  const message = `${subject} made no progress for ${minutes} minutes, although its event was published again.`;
  return { action: 'fail', step, error: { code: 'RUN_STUCK', message, details: { step, minutes } } };
}
