import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { StepName } from '#shared/contracts/lanes.ts';
import type { Status } from '#shared/contracts/statuses.ts';
import type { ClaimRef } from '#shared/contracts/claim.ts';
import type { RunDocument } from '../documents.ts';
import type { ClaimRequest, ClaimResult, Ledger } from '../ledger.ts';
import { storableJson, storableValue } from '#shared/text/storable.ts';
import type { Database, Statement } from './database.ts';
import type { RunAnnouncer } from './run-announcer.ts';

/**
 * Claims of steps. Each operation is one statement on the run's row, and all times are the server's.
 */

/** A server time in the form of the documents: ISO 8601, UTC, milliseconds. */
export const iso = (time: string): string => `to_char(${time} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;
/** The statement's own time would be from before it waited for the row. */
const NOW = iso('clock_timestamp()');
const NO_HOLDER = `'owner', null, 'lease_until', null`;

/** What the document of a run holds while the claim is the newest of its step, the step is under way and the run allows it. */
export function currentClaim(claim: ClaimRef): string {
  const step = { name: claim.step, token: claim.token, status: 'running' };
  // `archive` works on a run that has ended; ending the run made all other claims stale.
  return JSON.stringify(claim.step === 'archive' ? { steps: [step] } : { status: 'running', steps: [step] });
}

export const staleClaim = (claim: ClaimRef): SluiceError =>
  new SluiceError(
    'CLAIM_STALE',
    `Claim ${claim.token} of ${claim.step} is not the newest any more, or run ${claim.runId} was ended.`,
    {
      details: { run_id: claim.runId, step: claim.step, token: claim.token },
    },
  );

/** Path in `doc` of the step that parameter `name` names. */
const stepPath = (name: string): string =>
  `array['steps', (select (ordinality - 1)::text from jsonb_array_elements(doc -> 'steps') with ordinality where value ->> 'name' = ${name})]`;
/** `doc` with fields of one step replaced. */
const withStep = (name: string, fields: string): string =>
  `jsonb_set(doc, ${stepPath(name)}, doc #> ${stepPath(name)} || jsonb_build_object(${fields}))`;

/** Locks the run first, so that what it decides on is the newest version, and answers the run as it is afterward. */
const CLAIM: Statement = {
  name: 'ledger.claim',
  text: `
    with run as materialized (
      select _id, doc from ledger.runs where run_id = $1 for update
    ), step as materialized (
      select run._id, run.doc, value as step, (ordinality - 1)::text as position, clock_timestamp() as at, (run.doc ->> 'fence')::int + 1 as token
      from run, jsonb_array_elements(run.doc -> 'steps') with ordinality
      where value ->> 'name' = $2
    ), claimed as (
      update ledger.runs as r
      set doc = jsonb_set(step.doc, array['steps', position], step || jsonb_build_object(
            'status', 'running', 'attempt', (step ->> 'attempt')::int + 1, 'token', token, 'owner', $3::text,
            'lease_until', ${iso(`(at + $5::float8 * interval '1 second')`)}, 'started_at', ${iso('at')}, 'finished_at', null))
          || jsonb_build_object('fence', token, 'updated_at', ${iso('at')})
      from step
      where r._id = step._id
        and (step.doc ->> 'status' = 'running') = ($2 <> 'archive')
        and (step ->> 'status' in ('pending', 'failed')
          or step ->> 'status' = 'running' and ((step ->> 'lease_until')::timestamptz <= at or step ->> 'owner' = $4))
        -- Events from before a restart may still come.
        and ($2 = 'archive' or not step.doc ? 'restarts' or position = '0' or step.doc #>> array['steps', (position::int - 1)::text, 'status'] = 'done')
      returning r.doc
    )
    select coalesce(claimed.doc, run.doc) as doc, claimed.doc is not null as claimed from run left join claimed on true`,
};

const RENEW: Statement = {
  name: 'ledger.renew',
  text: `
    update ledger.runs
    set doc = jsonb_set(doc, ${stepPath('$3')} || array['lease_until'], to_jsonb(${iso(`(clock_timestamp() + $4::float8 * interval '1 second')`)}))
    where run_id = $1 and doc @> $2::jsonb
    returning 1`,
};

const FINISH: Statement = {
  name: 'ledger.finish',
  text: `
    update ledger.runs
    set doc = ${withStep('$3', `'status', 'done', 'reply', $4::jsonb, 'error', null, 'finished_at', ${NOW}, ${NO_HOLDER}`)}
      || jsonb_build_object('updated_at', ${NOW})
      || case when $5::text is null then '{}' else jsonb_build_object('status', $5::text, 'finished_at', ${NOW}) end
    where run_id = $1 and doc @> $2::jsonb
    returning status`,
};

const RELEASE: Statement = {
  name: 'ledger.release',
  text: `
    update ledger.runs
    set doc = ${withStep('$3', `'status', 'failed', 'error', $4::jsonb, 'finished_at', ${NOW}, ${NO_HOLDER}`)} || jsonb_build_object('updated_at', ${NOW})
    where run_id = $1 and doc @> $2::jsonb
    returning status`,
};

const RESTART: Statement = {
  name: 'ledger.restart',
  text: `
    update ledger.runs
    set doc = doc || jsonb_build_object('restarts', coalesce((doc ->> 'restarts')::int, 0) + 1, 'updated_at', ${NOW}, 'steps', (
      select jsonb_agg(
        value || jsonb_build_object('status', 'pending', 'reply', null, 'started_at', null, 'finished_at', null, ${NO_HOLDER},
          'error', case when value ->> 'name' = $3 then $4::jsonb else value -> 'error' end)
        order by ordinality)
      from jsonb_array_elements(doc -> 'steps') with ordinality))
    where run_id = $1 and doc @> $2::jsonb
    returning doc`,
};

const IS_DONE: Statement = {
  name: 'ledger.is-done',
  text: 'select 1 from ledger.runs where run_id = $1 and doc @> $2::jsonb',
};

export function claimOperations(
  database: Database,
  runs: RunAnnouncer,
): Pick<Ledger, 'claimStep' | 'renewClaim' | 'finishStep' | 'releaseStep' | 'restartRun'> {
  return {
    async claimStep(request: ClaimRequest): Promise<ClaimResult> {
      const { runId, step, owner, takeOverFrom, leaseSeconds } = request;
      const [row] = await database.query<{ doc: RunDocument; claimed: boolean }>(CLAIM, [
        runId,
        step,
        owner,
        takeOverFrom ?? null,
        leaseSeconds,
      ]);
      if (row === undefined)
        throw new SluiceError('RUN_NOT_FOUND', `There is no run ${runId}.`, { details: { run_id: runId } });
      if (!row.claimed) return refused(row.doc, step);
      runs.announce(runId, row.doc.status);
      return claimed(row.doc, step);
    },
    async renewClaim(claim, leaseSeconds) {
      return (await database.query(RENEW, [claim.runId, currentClaim(claim), claim.step, leaseSeconds])).length > 0;
    },
    async finishStep(claim, reply, close) {
      const values = [claim.runId, currentClaim(claim), claim.step, storableJson(reply), close ?? null];
      const [finished] = await database.query<{ status: Status }>(FINISH, values);
      if (finished !== undefined) return runs.announce(claim.runId, finished.status);
      // The answer to the first call may have been lost on the way.
      const done = JSON.stringify({ steps: [{ name: claim.step, token: claim.token, status: 'done' }] });
      if ((await database.query(IS_DONE, [claim.runId, done])).length === 0) throw staleClaim(claim);
    },
    async releaseStep(claim, error) {
      const values = [claim.runId, currentClaim(claim), claim.step, JSON.stringify(storableValue(error))];
      const [released] = await database.query<{ status: Status }>(RELEASE, values);
      if (released !== undefined) runs.announce(claim.runId, released.status);
    },
    async restartRun(claim, error) {
      const values = [claim.runId, currentClaim(claim), claim.step, JSON.stringify(storableValue(error))];
      const [restarted] = await database.documents<RunDocument>(RESTART, values);
      if (restarted === undefined) throw staleClaim(claim);
      runs.announce(claim.runId, restarted.status);
      return restarted;
    },
  };
}

function stepOf(run: RunDocument, name: StepName): RunDocument['steps'][number] {
  const step = run.steps.find((candidate) => candidate.name === name);
  if (step !== undefined) return step;
  throw new SluiceError('REQUEST_INVALID', `Run ${run.run_id} of lane ${run.lane} has no step ${name}.`, {
    details: { run_id: run.run_id, step: name },
  });
}

function claimed(run: RunDocument, name: StepName): ClaimResult {
  const { token, attempt } = stepOf(run, name);
  return { outcome: 'claimed', token, attempt, run };
}

/** Why a run in this state did not give out the step. */
function refused(run: RunDocument, name: StepName): ClaimResult {
  const step = stepOf(run, name);
  if (step.status === 'done')
    return { outcome: 'done', reply: step.reply as Extract<ClaimResult, { outcome: 'done' }>['reply'], run };
  if (name === 'archive' && run.status === 'running') return { outcome: 'early' };
  if (name !== 'archive' && run.status !== 'running') return { outcome: 'closed', status: run.status };
  if (step.status !== 'running') return { outcome: 'early' };
  return { outcome: 'held', owner: step.owner ?? '', leaseUntil: step.lease_until ?? '' };
}
