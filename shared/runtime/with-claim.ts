import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { afterRestart } from '#shared/events/run-events.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { ClaimResult } from '#shared/ledger/ledger.ts';
import type { StepName } from '#shared/contracts/lanes.ts';
import type { ClaimRef } from '#shared/contracts/claim.ts';
import { CallLimits } from './call-limits.ts';
import type { Context } from './context.ts';
import { isDead, OWNER } from './owner.ts';
import { restartAfterLoss } from './restart-run.ts';
import { onRunEnded } from './run-endings.ts';

/** Several renewals fit in a lease, so that one lost one does no harm. */
const RENEWALS_PER_LEASE = 6;
/** How soon a step that another worker holds is tried again. */
const BUSY_RETRY_SECONDS = 2;

/** Work that does not heed its signal is left behind after this time; the claim is given back, so what it still does is refused. */
const ABANDON_MS = 10_000;

/** A claimed step. `signal` aborts when the run is canceled, the claim is lost, time is up, or the process stops. */
export interface Claim extends ClaimRef {
  run: RunDocument;
  attempt: number;
  signal: AbortSignal;
}

interface Target {
  runId: string;
  step: StepName;
  close?: 'success';
}

/** Steps that this process is at. A claim in its name without such a step is one that it could not give back. */
const underWay = new Set<string>();

/**
 * Claims (run, step), does `work`, and records the event that it returns; a step that is done already answers its recorded reply.
 * Nothing is answered when the run has ended, or when the claim is lost under way. With `close`, the run ends as success in the
 * same write as the step. When PostgreSQL lost the run's tables, the run begins anew, and the event that starts it is answered. Throws what `work` throws, after giving the claim back, and STEP_BUSY when another worker holds it.
 */
export async function withClaim(
  context: Context,
  target: Target,
  work: (claim: Claim) => Promise<SluiceEvent | undefined>,
): Promise<SluiceEvent | undefined> {
  const key = `${target.runId}/${target.step}`;
  if (underWay.has(key)) throw refusal('held', target);
  underWay.add(key);
  try {
    return await claimAndWork(context, target, work);
  } finally {
    underWay.delete(key);
  }
}

async function claimAndWork(
  context: Context,
  target: Target,
  work: (claim: Claim) => Promise<SluiceEvent | undefined>,
): Promise<SluiceEvent | undefined> {
  const result = await claim(context, target);
  if (result.outcome === 'done') return result.reply ?? undefined;
  if (result.outcome === 'closed') {
    context.log.info({ ...target, status: result.status }, 'Step:Claim:RunHasEnded');
    return undefined;
  }
  if (result.outcome !== 'claimed') throw refusal(result.outcome, target);

  const ref: ClaimRef = { runId: target.runId, step: target.step, token: result.token };
  const lost = new AbortController();
  const seconds = context.env.STEP_TIMEOUT_SECONDS;
  const limits = new CallLimits([context.signal, lost.signal], seconds);
  const stopRenewing = keepClaim(context, ref, lost);
  try {
    const working = work({ ...ref, run: result.run, attempt: result.attempt, signal: limits.signal });
    const answer = await limits.orAbandon(
      working,
      ABANDON_MS,
      () => new SluiceError('STEP_TIMEOUT', `${target.step} did not end when it was told to.`),
    );
    const reply = answer && afterRestart(result.run, answer);
    await context.ledger.finishStep(ref, reply ?? null, target.close);
    return reply;
  } catch (thrown) {
    const error = explain(thrown, {
      lost: lost.signal.aborted,
      timedOut: limits.timedOut,
      stopping: context.signal.aborted,
      seconds,
    });
    const beginning = await restartAfterLoss({ ...ref, run: result.run }, error, context).catch((reason: unknown) =>
      context.log.warn({ ...ref, reason }, 'Run:Restart:Failed'),
    );
    if (beginning) return beginning;
    // When the ledger does not answer either, the next delivery finds that this process is not at it any more.
    await context.ledger
      .releaseStep(ref, error.toDocument())
      .catch((reason: unknown) => context.log.warn({ ...ref, reason }, 'Claim:Release:Failed'));
    if (error.code !== 'CLAIM_STALE') throw error;
    // Whoever holds the claim now, or ended the run, answers; this delivery is done.
    context.log.info(ref, 'Step:Finish:ClaimLost');
    return undefined;
  } finally {
    limits.release();
    stopRenewing();
  }
}

async function claim({ ledger, env }: Context, { runId, step }: Target): Promise<ClaimResult> {
  const request = { runId, step, owner: OWNER, leaseSeconds: env.CLAIM_LEASE_SECONDS };
  const result = await ledger.claimStep(request);
  if (result.outcome !== 'held' || (result.owner !== OWNER && !isDead(result.owner))) return result;
  return ledger.claimStep({ ...request, takeOverFrom: result.owner });
}

function refusal(outcome: 'held' | 'early', target: Target): SluiceError {
  const details = { run_id: target.runId, step: target.step };
  const message =
    outcome === 'early'
      ? `Run ${target.runId} has not ended yet, so ${target.step} waits.`
      : `Another worker is doing ${target.step} of run ${target.runId}.`;
  return new SluiceError('STEP_BUSY', message, { details, retryAfterSeconds: BUSY_RETRY_SECONDS });
}

/** Renews the claim until stopped, and watches for the end of the run, so that a cancel is noticed at once. */
function keepClaim(context: Context, ref: ClaimRef, lost: AbortController): () => void {
  const renew = async () => {
    const held = await context.ledger.renewClaim(ref, context.env.CLAIM_LEASE_SECONDS).catch(() => true); // No answer: the lease decides.
    if (!held) lost.abort();
  };
  const timer = setInterval(() => void renew(), (context.env.CLAIM_LEASE_SECONDS * 1000) / RENEWALS_PER_LEASE);
  // `archive` works on a run that has ended already.
  const unwatch = ref.step === 'archive' ? () => undefined : onRunEnded(context.ledger, ref.runId, () => void renew());
  return () => {
    clearInterval(timer);
    unwatch();
  };
}

interface Reasons {
  lost: boolean;
  timedOut: boolean;
  stopping: boolean;
  seconds: number;
}

/** Says why work was interrupted; an aborted program's own error would say only that it was killed. */
function explain(thrown: unknown, reasons: Reasons): SluiceError {
  if (reasons.lost)
    return new SluiceError('CLAIM_STALE', 'The run was ended, or another worker took this step over.', {
      cause: thrown,
    });
  if (reasons.timedOut) {
    return new SluiceError('STEP_TIMEOUT', `The step took longer than ${reasons.seconds} s (STEP_TIMEOUT_SECONDS).`, {
      cause: thrown,
      details: { seconds: reasons.seconds },
    });
  }
  if (reasons.stopping)
    return new SluiceError('FUNCTION_UNAVAILABLE', 'Sluice is stopping; the step is done after the next start.', {
      cause: thrown,
    });
  return asSluiceError(thrown);
}
