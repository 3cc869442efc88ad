import type { Document, Filter, ObjectId } from 'mongodb';
import type { ClaimRef, Status } from '#shared/contracts/statuses.ts';
import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import {
  CLAIMABLE_STATUSES,
  type ClaimState,
  claimsEndedRun,
  currentClaim,
  finishedClaim,
  RENEWALS_PER_LEASE,
  STEP_CLAIMED,
  STEP_DONE,
  STEP_FAILED,
  STEP_RESET,
} from '../claim-rules.ts';
import type { ClaimRequest } from '../ledger.ts';
import type { ClaimQueries } from '../operations/claims.ts';
import { type Database, writeMark } from './database.ts';
import { leaseEnd, literal, mapSteps, merge, NOW, withStep } from './expressions.ts';
import { fromStored, type Stored, storedValue } from './stored-documents.ts';

/** Each write changes the document of one run. finishStep that ends the run completes its assets, in a transaction. */
export function claimQueries(database: Database): ClaimQueries {
  /** Updates the run of a current claim. Returns its status; undefined when the claim is not current. */
  const update = (claim: ClaimRef, pipeline: Document[]) =>
    database.on('runs', async (runs) => {
      const run = await runs.findOneAndUpdate(heldBy(claim), pipeline, {
        returnDocument: 'after',
        projection: { status: 1 },
      });
      return run?.status as Status | undefined;
    });
  return {
    claimStep: (request) =>
      database.on('runs', async (runs) => {
        const mark = writeMark();
        const run = await runs.findOneAndUpdate({ run_id: request.runId }, claim(request, mark), {
          returnDocument: 'after',
        });
        if (run === null) return undefined;
        return { claimed: mark._write.equals(run._write as ObjectId), run: fromStored('runs', run) };
      }),
    renewClaim: (claim, leaseSeconds) =>
      database.on('runs', async (runs) => {
        const renewed = { lease_until: leaseEnd(leaseSeconds) };
        const update = [{ $set: { steps: withStep(claim.step, renewed) } }];
        // It waits on the server for a transaction on the run, which may need the connection to end.
        const maxTimeMS = Math.ceil((leaseSeconds * 1000) / RENEWALS_PER_LEASE);
        const result = await runs.updateOne(heldBy(claim), update, { maxTimeMS });
        return result.matchedCount > 0;
      }),
    async finishStep(claim, reply, endRunAs) {
      const done = merge(literal(STEP_DONE), { reply: literal(storedValue(reply)), finished_at: NOW });
      const fields = { steps: withStep(claim.step, done), updated_at: NOW, ...archivedBy(claim) };
      if (endRunAs === undefined) return update(claim, [{ $set: fields }]);
      const isEnded = await endRun(database, claim, { ...fields, status: endRunAs, finished_at: NOW });
      return isEnded ? endRunAs : undefined;
    },
    isFinishedBy: (claim) =>
      database.on('runs', async (runs) => {
        const filter = { run_id: claim.runId, ...containing(finishedClaim(claim)) };
        return (await runs.findOne(filter, { projection: { _id: 1 } })) !== null;
      }),
    releaseStep: (claim, error, unplace) => {
      const failed = merge(literal(STEP_FAILED), { error: literal(error), finished_at: NOW });
      const placement = { $cond: [{ $eq: ['$placement.token', claim.token] }, '$$REMOVE', '$placement'] };
      const fields = { steps: withStep(claim.step, failed), updated_at: NOW, ...(unplace ? { placement } : {}) };
      return update(claim, [{ $set: fields }]);
    },
    restartRun: (claim, error, backendDied) =>
      database.on('runs', async (runs) => {
        const fields = {
          steps: resetSteps(claim, error),
          restarts: increment('$restarts'),
          updated_at: NOW,
          ...(backendDied ? { backend_deaths: increment('$backend_deaths') } : {}),
        };
        const run = await runs.findOneAndUpdate(heldBy(claim), [{ $set: fields }], { returnDocument: 'after' });
        return run === null ? undefined : fromStored('runs', run);
      }),
  };
}

/** The steps of a run that starts again. The claimed step has the error. */
function resetSteps({ step }: ClaimRef, error: ErrorDocument): Document {
  const isClaimed = { $eq: ['$$step.name', literal(step)] };
  return mapSteps(
    merge('$$step', literal(STEP_RESET), { error: { $cond: [isClaimed, literal(error), '$$step.error'] } }),
  );
}

/** Updates the run of a current claim, which ends it, and completes its assets. False when the claim is not current. */
function endRun(database: Database, claim: ClaimRef, fields: Document): Promise<boolean> {
  return database.transaction(async (transaction) => {
    const { session } = transaction;
    const ended = [{ $set: { ...fields, ...writeMark() } }];
    const run = await transaction.in('runs').findOneAndUpdate(heldBy(claim), ended, { session });
    if (run === null) return false;
    await transaction
      .in('assets')
      .updateMany(
        { run_id: run._id, item_key: { $exists: true }, removed: { $exists: false } },
        [{ $set: { stac_key: '$item_key' } }, { $unset: 'item_key' }],
        { session },
      );
    return true;
  });
}

/** The run that a write with this claim may change: claim-rules.ts. */
export function heldBy(claim: ClaimRef): Filter<Stored> {
  return { run_id: claim.runId, ...containing(currentClaim(claim)) };
}

/**
 * An update of a run that claims a step if the rules allow it, and changes nothing otherwise. The update decides, not
 * its filter, so that the returned run is the one that the decision was made on.
 */
function claim({ step, owner, leaseSeconds, takeOverFrom, server }: ClaimRequest, mark: Document): Document[] {
  const position = { $indexOfArray: [mapSteps('$$step.name'), literal(step)] };
  const token = { $add: ['$fence', 1] };
  const claimed = merge(literal(STEP_CLAIMED), {
    attempt: { $add: ['$$step.attempt', 1] },
    token,
    owner: literal(owner),
    lease_until: leaseEnd(leaseSeconds),
    started_at: NOW,
  });
  const placed = { placement: { $ifNull: ['$placement', { server: literal(server), token }] } };
  const fields = {
    steps: withStep(step, claimed),
    fence: token,
    updated_at: NOW,
    ...mark,
    ...(server === undefined ? {} : placed),
  };
  const isClaimable = isClaimableStep('$$claimed', takeOverFrom);
  const mayClaim = {
    $let: {
      vars: {
        position,
        claimed: { $arrayElemAt: ['$steps', position] },
        before: { $arrayElemAt: ['$steps', { $max: [0, { $subtract: [position, 1] }] }] },
      },
      in: {
        $and: [
          { $gte: ['$$position', 0] },
          claimsEndedRun(step) ? { $ne: ['$status', 'running'] } : { $eq: ['$status', 'running'] },
          isClaimable,
          claimsEndedRun(step) || { $or: [{ $eq: ['$$position', 0] }, { $eq: ['$$before.status', 'done'] }] },
        ],
      },
    },
  };
  return [{ $replaceWith: { $cond: [mayClaim, merge('$$ROOT', fields), '$$ROOT'] } }];
}

function isClaimableStep(step: string, takeOverFrom: string | undefined): Document {
  const isFree = { $in: [`${step}.status`, [...CLAIMABLE_STATUSES]] };
  // Leases are texts of one form, so their order is the order of the times.
  const isExpired = { $lte: [`${step}.lease_until`, NOW] };
  const isDead = takeOverFrom === undefined ? false : { $eq: [`${step}.owner`, literal(takeOverFrom)] };
  return { $or: [isFree, { $and: [{ $eq: [`${step}.status`, 'running'] }, { $or: [isExpired, isDead] }] }] };
}

/** The part of a filter that requires this state of the run. */
function containing({ step, ...run }: ClaimState): Filter<Stored> {
  return { ...run, steps: { $elemMatch: step } };
}

function archivedBy({ step }: ClaimRef): { _archived?: true } {
  return step === 'archive' ? { _archived: true } : {};
}

function increment(field: string): Document {
  return { $add: [{ $ifNull: [field, 0] }, 1] };
}
