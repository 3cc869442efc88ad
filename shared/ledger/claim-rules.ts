import type { StepName } from '#shared/contracts/lanes.ts';
import type { Status, StepStatus, ClaimRef } from '#shared/contracts/statuses.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { RunDocument, Step } from './documents.ts';
import type { ClaimResult } from './ledger.ts';

/**
 * The rules of claims. Every implementation of the ledger states them in its own conditional writes:
 *
 * - A step can be claimed while its run is running; `archive` only after the run has ended (claimsEndedRun).
 * - It can be claimed in a status of CLAIMABLE_STATUSES, or while `running` when its lease has expired or its owner is
 *   the one that the caller knows to have ended (`takeOverFrom`).
 * - The step before it must be done. An event can arrive earlier: from before a restart of the run, or from a client
 *   that posted it. `archive` is excepted, because the run may have failed at any step.
 * - A claim gets the next fencing token of its run. It is current while CURRENT CLAIM (currentClaim) holds; writes of a
 *   claim that is not current are rejected with CLAIM_STALE.
 * - A claim with a server places a run that has no placement. A run keeps its placement to its end, even when it is
 *   restarted. Only the claim that placed the run can remove the placement, when it is released without having used
 *   the server.
 * - Times are those of the database server, because the clocks of workers differ.
 */
export const CLAIMABLE_STATUSES = ['pending', 'failed'] as const satisfies readonly StepStatus[];

/**
 * Several renewals fit into a lease, so that a failed renewal does not lose the claim. The time of a lease is
 * `CLAIM_LEASE_SECONDS` in `shared/config/env.ts`.
 */
export const RENEWALS_PER_LEASE = 6;

/** True for the step of an ended run. All other steps are steps of a running run. */
export function claimsEndedRun(step: StepName): boolean {
  return step === 'archive';
}

/** No process holds the claim. */
const NO_OWNER = { owner: null, lease_until: null } satisfies Partial<Step>;

/** Fields that a claimed step gets, besides attempt, token, owner, lease_until and started_at. */
export const STEP_CLAIMED = { status: 'running', finished_at: null } satisfies Partial<Step>;
/** Fields that a finished step gets, besides reply and finished_at. */
export const STEP_DONE = { status: 'done', error: null, ...NO_OWNER } satisfies Partial<Step>;
/** Fields that a released step gets, and every running step of a run that is ended, besides error and finished_at. */
export const STEP_FAILED = { status: 'failed', ...NO_OWNER } satisfies Partial<Step>;
/** Fields that every step of a restarted run gets. The claimed step also gets the error. */
export const STEP_RESET = {
  status: 'pending',
  reply: null,
  started_at: null,
  finished_at: null,
  ...NO_OWNER,
} satisfies Partial<Step>;

/** The fields of a run document, and of one of its steps, that a claim implies. */
export interface ClaimState {
  status?: Status;
  step: Pick<Step, 'name' | 'token' | 'status'>;
}

/** What the run document contains while the claim is current. Ending the run makes all claims but `archive` stale. */
export function currentClaim({ step, token }: ClaimRef): ClaimState {
  const state: ClaimState = { step: { name: step, token, status: 'running' } };
  return claimsEndedRun(step) ? state : { status: 'running', ...state };
}

/** What the run document contains after the claim finished its step. */
export function finishedClaim({ step, token }: ClaimRef): ClaimState {
  return { step: { name: step, token, status: 'done' } };
}

export function staleClaim({ runId, step, token }: ClaimRef): SluiceError {
  return new SluiceError(
    'CLAIM_STALE',
    `Claim ${token} of step ${step} of run ${runId} is stale: the step was claimed again or the run has ended.`,
    { details: { run_id: runId, step, token } },
  );
}

/** The result of an attempt to claim, from the run as it was after the attempt. */
export function claimResult(run: RunDocument, name: StepName, claimed: boolean): ClaimResult {
  const step = stepOf(run, name);
  if (claimed) return { outcome: 'claimed', token: step.token, attempt: step.attempt, run };
  if (step.status === 'done')
    return { outcome: 'done', reply: step.reply as Extract<ClaimResult, { outcome: 'done' }>['reply'], run };
  const isRunning = run.status === 'running';
  if (claimsEndedRun(name) && isRunning) return { outcome: 'early' };
  if (!claimsEndedRun(name) && !isRunning) return { outcome: 'ended', status: run.status };
  // A claimable step was rejected because a step before it is not done.
  if (step.status !== 'running') return { outcome: 'early' };
  return { outcome: 'held', owner: step.owner ?? '', leaseUntil: step.lease_until ?? '' };
}

function stepOf(run: RunDocument, name: StepName): Step {
  const step = run.steps.find((candidate) => candidate.name === name);
  if (step !== undefined) return step;
  throw new SluiceError('REQUEST_INVALID', `Run ${run.run_id} of lane ${run.lane} has no step ${name}.`, {
    details: { run_id: run.run_id, step: name },
  });
}
