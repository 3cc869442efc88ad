import type { Status, ClaimRef } from '#shared/contracts/statuses.ts';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { storableValue } from '#shared/text/storable.ts';
import { claimResult, staleClaim } from '../claim-rules.ts';
import type { RunDocument } from '../documents.ts';
import type { ClaimRequest, Ledger } from '../ledger.ts';
import { type AnnounceRun, runNotFound } from './records.ts';

/** The writes of claims, each one atomic. claim-rules.ts states their conditions and the fields that they set. */
export interface ClaimQueries {
  /** Claims the step if the rules allow it. Returns the run after the write; undefined when it does not exist. */
  claimStep(request: ClaimRequest): Promise<{ claimed: boolean; run: RunDocument } | undefined>;
  /** False when the claim is not current. */
  renewClaim(claim: ClaimRef, leaseSeconds: number): Promise<boolean>;
  /** Returns the status of the run after the write; undefined when the claim is not current. */
  finishStep(claim: ClaimRef, reply: SluiceEvent | null, endRunAs: 'success' | undefined): Promise<Status | undefined>;
  /** True when this claim finished its step. */
  isFinishedBy(claim: ClaimRef): Promise<boolean>;
  /** As finishStep. `unplace`: removes the placement of the run if its token is that of the claim. */
  releaseStep(claim: ClaimRef, error: ErrorDocument, unplace: boolean): Promise<Status | undefined>;
  /** Resets all steps, and increments `restarts` and `backend_deaths`. Undefined when the claim is not current. */
  restartRun(claim: ClaimRef, error: ErrorDocument, backendDied: boolean): Promise<RunDocument | undefined>;
}

export function claimOperations(
  queries: ClaimQueries,
  announceRun: AnnounceRun,
): Pick<Ledger, 'claimStep' | 'renewClaim' | 'finishStep' | 'releaseStep' | 'restartRun'> {
  return {
    async claimStep(request) {
      const found = await queries.claimStep(request);
      if (found === undefined) throw runNotFound(request.runId);
      const result = claimResult(found.run, request.step, found.claimed);
      if (found.claimed) announceRun(request.runId, found.run.status);
      return result;
    },
    renewClaim: (claim, leaseSeconds) => queries.renewClaim(claim, leaseSeconds),
    async finishStep(claim, reply, endRunAs) {
      const status = await queries.finishStep(claim, reply, endRunAs);
      if (status !== undefined) return announceRun(claim.runId, status);
      // The response to an earlier call with this claim may have been lost.
      if (!(await queries.isFinishedBy(claim))) throw staleClaim(claim);
    },
    async releaseStep(claim, error, { unplace = false } = {}) {
      const status = await queries.releaseStep(claim, storableValue(error), unplace);
      if (status !== undefined) announceRun(claim.runId, status);
    },
    async restartRun(claim, error, backendDied = false) {
      const run = await queries.restartRun(claim, storableValue(error), backendDied);
      if (run === undefined) throw staleClaim(claim);
      announceRun(claim.runId, run.status);
      return run;
    },
  };
}
