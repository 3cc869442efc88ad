import type { StepName } from '#shared/contracts/lanes.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { afterRestart, ofRun } from '#shared/events/run-events.ts';
import { RENEWALS_PER_LEASE } from '#shared/ledger/claim-rules.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { ClaimResult } from '#shared/ledger/ledger.ts';
import type { ClaimRef } from '#shared/contracts/statuses.ts';
import type { SessionClaim } from '#shared/postgis/postgis.ts';
import { CallLimits } from '#shared/signals/joined-signal.ts';
import { describeSpan } from '#shared/tracing/tracing.ts';
import type { Context } from './context.ts';
import { isDead, OWNER } from '#shared/processes/owner.ts';
import { countBackendDeaths, restartAfterLoss } from './restart-run.ts';
import { onRunEnded } from './run-end-feed.ts';
import { claimOfEvent, isFromRecordedClaim, nameInput } from './step-input.ts';

/**
 * Periodic renewals of one claim that may wait for the ledger at the same time: one whose connection hangs does not
 * block the next ones, and they leave connections for the transactions that they wait for.
 */
const MAX_OPEN_RENEWALS = 3;
/** Delay before a step that another worker holds is tried again. */
const BUSY_RETRY_SECONDS = 2;
/**
 * Work that ignores its signal is abandoned after this time. Its claim is released, so its later writes are rejected.
 */
const ABANDON_MS = 5_000;

/** A claimed step. `signal` aborts on cancellation, a lost claim, a timeout, or the stop of the process. */
export interface Claim extends SessionClaim {
  run: RunDocument;
  attempt: number;
  signal: AbortSignal;
}

interface Target {
  runId: string;
  step: StepName;
  /** The delivered event. It only starts the step: the input of the step is in the ledger (inputOfStep). */
  event?: SluiceEvent;
  /** The first step of the lane that uses PostGIS. The write that claims it places the run on a PostGIS server. */
  placesRun?: true;
  /** Ends the run with this status in the write that finishes the step. */
  endRunAs?: 'success';
}

type Work = (claim: Claim) => Promise<SluiceEvent | undefined>;

/** Steps that this process executes. A claim of this process for another step is one that it could not release. */
const activeSteps = new Set<string>();

/**
 * Claims a step of a run, executes `work`, and records the event that it returns. Returns that event with the
 * traceparent of the run and the claim that produced it.
 *
 * - When the step is done, returns the recorded event without executing `work`.
 * - When the run has ended, or the claim is lost meanwhile, returns undefined.
 * - When PostgreSQL lost the working tables of the run, restarts the run and returns the event that starts its lane.
 *
 * Throws the error of `work` after the claim is released, and STEP_BUSY when another worker holds the claim.
 */
export async function withClaim(context: Context, target: Target, work: Work): Promise<SluiceEvent | undefined> {
  const key = `${target.runId}/${target.step}`;
  if (activeSteps.has(key)) throw stepBusy('held', target);
  activeSteps.add(key);
  try {
    const result = await claimStep(context, target);
    if (result.outcome === 'claimed') return await executeStep(context, target, result, work);
    if (result.outcome === 'done') return result.reply ?? undefined;
    if (result.outcome !== 'ended') throw stepBusy(result.outcome, target);
    context.log.info({ run_id: target.runId, step: target.step, status: result.status }, 'Step:Claim:RunEnded');
    return undefined;
  } finally {
    activeSteps.delete(key);
  }
}

async function claimStep({ ledger, env, postgis }: Context, { runId, step, placesRun }: Target): Promise<ClaimResult> {
  const server = placesRun && (await postgis.chooseServer(runId));
  const request = { runId, step, owner: OWNER, leaseSeconds: env.CLAIM_LEASE_SECONDS, server };
  const result = await ledger.claimStep(request);
  if (result.outcome !== 'held' || (result.owner !== OWNER && !isDead(result.owner))) return result;
  return ledger.claimStep({ ...request, takeOverFrom: result.owner });
}

async function executeStep(
  context: Context,
  { runId, step, event, endRunAs }: Target,
  { run, token, attempt }: Extract<ClaimResult, { outcome: 'claimed' }>,
  work: Work,
): Promise<SluiceEvent | undefined> {
  const started = performance.now();
  const claim: ClaimRef = { runId, step, token };
  if (event !== undefined && !isFromRecordedClaim(event, { run, step }))
    context.log.warn(
      { run_id: runId, step, event: event.id, claim: event.sluiceclaim, reason: 'the event is from another claim' },
      'Event:Check:Failed',
    );
  describeSpan({
    'sluice.run_id': runId,
    'sluice.dataset_id': run.dataset_id,
    'sluice.lane': run.lane,
    'sluice.step': step,
    'sluice.attempt': attempt,
  });
  const lost = new AbortController();
  const limits = new CallLimits([context.signal, lost.signal], context.env.STEP_TIMEOUT_SECONDS);
  const stopRenewing = keepClaim(context, claim, lost);
  try {
    const session = { alone: run.backend_deaths !== undefined, server: run.placement?.server };
    const working = work({ ...claim, ...session, run, attempt, signal: limits.signal });
    const returned = await limits.orAbandon(working, ABANDON_MS, () => abandoned(claim));
    const reply = returned && { ...afterRestart(run, ofRun(run, returned)), sluiceclaim: claimOfEvent(claim) };
    await context.ledger.finishStep(claim, reply ?? null, endRunAs);
    const seconds = (performance.now() - started) / 1000;
    context.log.info({ run_id: runId, step, attempt, seconds, ...valuesOf(reply) }, 'Step:Execute:Done');
    return reply;
  } catch (thrown) {
    const error = explainAbort(thrown, claim, context, { isLost: lost.signal.aborted, hasTimedOut: limits.timedOut });
    const counted = countBackendDeaths(countKills(error, run, step), run);
    return await endAttempt(context, { ...claim, run }, nameInput(counted, step, run));
  } finally {
    limits.release();
    stopRenewing();
  }
}

/**
 * Restarts the run after the loss of its tables; after any other error, releases the claim and throws the error. If the
 * run could not be restarted, throws the reason, so that the step is repeated and finds the loss again.
 */
async function endAttempt(
  context: Context,
  { run, ...claim }: ClaimRef & { run: RunDocument },
  error: SluiceError,
): Promise<SluiceEvent | undefined> {
  const fields = { run_id: claim.runId, step: claim.step, token: claim.token };
  try {
    const restarted = await restartAfterLoss({ ...claim, run }, error, context);
    if (restarted) return restarted;
  } catch (reason) {
    context.log.warn({ ...fields, reason }, 'Run:Restart:Failed');
    error = asSluiceError(reason);
  }
  // If the ledger is unavailable, the claim stays. The next delivery detects that this process does not execute it.
  await context.ledger
    .releaseStep(claim, error.toDocument(), { unplace: error.details.session_opened === false })
    .catch((reason: unknown) => context.log.warn({ ...fields, reason }, 'Claim:Release:Failed'));
  if (error.code !== 'CLAIM_STALE') throw error;
  // The worker that holds the claim now, or that ended the run, publishes the next event.
  context.log.info(fields, 'Step:Finish:ClaimLost');
  return undefined;
}

/**
 * Adds to a PROGRAM_KILLED error in how many consecutive attempts it occurred, so that the error after the last retry
 * names the likely reason. The error of the attempt before is in the document of the run.
 */
function countKills(error: SluiceError, run: RunDocument, step: StepName): SluiceError {
  if (error.code !== 'PROGRAM_KILLED') return error;
  const last = run.steps.find(({ name }) => name === step)?.error;
  const kills = 1 + (last?.code === 'PROGRAM_KILLED' ? Number(last.details.kills ?? 1) : 0);
  const repeated =
    ` Programs of this step were killed in ${kills} consecutive attempts. ` + 'The memory may be insufficient.';
  return new SluiceError(error.code, `${error.message}${kills > 1 ? repeated : ''}`, {
    cause: error,
    details: { ...error.details, kills },
  });
}

/**
 * Renews the claim until stopped. Checks it when the run ends, so that work is canceled within about a second. A
 * renewal does not wait for earlier ones, because a connection can hang for as long as the lease.
 */
function keepClaim(context: Context, claim: ClaimRef, lost: AbortController): () => void {
  const leaseSeconds = context.env.CLAIM_LEASE_SECONDS;
  let open = 0;
  const renew = async () => {
    open += 1;
    // If the ledger does not respond, the claim is kept until its lease expires.
    const isHeld = await context.ledger.renewClaim(claim, leaseSeconds).catch(() => true);
    open -= 1;
    if (!isHeld) lost.abort();
  };
  const renewRegularly = () => {
    if (open < MAX_OPEN_RENEWALS) void renew();
  };
  const timer = setInterval(renewRegularly, (leaseSeconds * 1000) / RENEWALS_PER_LEASE);
  // `archive` works on a run that has ended.
  const unsubscribe =
    claim.step === 'archive' ? () => undefined : onRunEnded(context.ledger, claim.runId, () => void renew());
  return () => {
    clearInterval(timer);
    unsubscribe();
  };
}

/** The type of a reply and the plain values of its data, such as row counts, for the log. */
function valuesOf(reply: SluiceEvent | undefined): Record<string, unknown> {
  const data = Object.entries(reply?.data ?? {});
  const isPlain = (value: unknown) => ['string', 'number', 'boolean'].includes(typeof value);
  return { ...Object.fromEntries(data.filter(([, value]) => isPlain(value))), reply: reply?.type };
}

function stepBusy(outcome: 'held' | 'early', { runId, step }: Target): SluiceError {
  const message =
    outcome === 'held'
      ? `Another worker executes ${step} of run ${runId}.`
      : `The preceding steps of run ${runId} are not done, so ${step} cannot start.`;
  return new SluiceError('STEP_BUSY', message, {
    details: { run_id: runId, step },
    retryAfterSeconds: BUSY_RETRY_SECONDS,
  });
}

function abandoned({ runId, step }: ClaimRef): SluiceError {
  const seconds = ABANDON_MS / 1000;
  const message = `Step ${step} of run ${runId} was aborted, but did not end within ${seconds} s.`;
  return new SluiceError('STEP_TIMEOUT', message);
}

/** The reason of an abort. The error of an aborted program contains only that it was killed. */
function explainAbort(
  thrown: unknown,
  { runId, step }: ClaimRef,
  { env, signal }: Context,
  { isLost, hasTimedOut }: { isLost: boolean; hasTimedOut: boolean },
): SluiceError {
  if (isLost)
    return new SluiceError('CLAIM_STALE', 'The run has ended, or another worker claimed the step.', { cause: thrown });
  if (hasTimedOut) {
    const seconds = env.STEP_TIMEOUT_SECONDS;
    const message = `Step ${step} of run ${runId} exceeded ${seconds} s (STEP_TIMEOUT_SECONDS).`;
    return new SluiceError('STEP_TIMEOUT', message, { cause: thrown, details: { seconds } });
  }
  if (signal.aborted)
    return new SluiceError('FUNCTION_UNAVAILABLE', 'Sluice is stopping. The step is repeated after the next start.', {
      cause: thrown,
    });
  return asSluiceError(thrown);
}
