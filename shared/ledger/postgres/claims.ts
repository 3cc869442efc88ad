import type { Status, ClaimRef } from '#shared/contracts/statuses.ts';
import { storableJson } from '#shared/text/storable.ts';
import {
  CLAIMABLE_STATUSES,
  type ClaimState,
  claimsEndedRun,
  currentClaim,
  finishedClaim,
  STEP_CLAIMED,
  STEP_DONE,
  STEP_FAILED,
  STEP_RESET,
} from '../claim-rules.ts';
import type { RunDocument } from '../documents.ts';
import type { ClaimQueries } from '../operations/claims.ts';
import type { Database, Statement } from './database.ts';
import { iso, jsonb, listOfTexts, NOW } from './sql.ts';

/** Each statement writes the row of one run. */

/** Path in `doc` of the step whose name is the parameter `name`. */
const stepPath = (name: string): string => `array['steps', (
      select (ordinality - 1)::text from jsonb_array_elements(doc -> 'steps') with ordinality
      where value ->> 'name' = ${name})]`;

/** `doc` with fields of one step replaced: constants, then fields with computed values. */
const withStep = (name: string, constants: object, computed: string): string =>
  `jsonb_set(doc, ${stepPath(name)},
      doc #> ${stepPath(name)} || ${jsonb(constants)} || jsonb_build_object(${computed}))`;

/** The time at which a lease of `seconds` that starts at `start` ends. */
const leaseEnd = (start: string, seconds: string): string =>
  iso(`(${start} + ${seconds}::float8 * interval '1 second')`);

/**
 * Claims step $2 of run $1 for owner $3, who may take it over from $4, for $5 seconds, and places the run on server $7
 * if it has no placement. Locks the run first, so that the decision is made on its newest version. Returns the run
 * after the write.
 */
const CLAIM: Statement = {
  name: 'ledger.claim',
  text: `
    with run as materialized (
      select _id, doc from ledger.runs where run_id = $1 for update
    ), step as materialized (
      select run._id, run.doc, value as step, (ordinality - 1)::text as position, clock_timestamp() as at,
        (run.doc ->> 'fence')::int + 1 as token
      from run, jsonb_array_elements(run.doc -> 'steps') with ordinality
      where value ->> 'name' = $2
    ), claimed as (
      update ledger.runs as r
      set doc = jsonb_set(step.doc, array['steps', position], step || ${jsonb(STEP_CLAIMED)} || jsonb_build_object(
            'attempt', (step ->> 'attempt')::int + 1, 'token', token, 'owner', $3::text,
            'lease_until', ${leaseEnd('at', '$5')}, 'started_at', ${iso('at')}))
          || jsonb_build_object('fence', token, 'updated_at', ${iso('at')})
          || case when $7::text is null or step.doc ? 'placement' then '{}' else jsonb_build_object(
            'placement', jsonb_build_object('server', $7::text, 'token', token)) end
      from step
      where r._id = step._id
        and (step.doc ->> 'status' = 'running') <> $6::boolean
        and (step ->> 'status' in ${listOfTexts(CLAIMABLE_STATUSES)}
          or step ->> 'status' = 'running' and ((step ->> 'lease_until')::timestamptz <= at or step ->> 'owner' = $4))
        and ($6::boolean or position = '0'
          or step.doc #>> array['steps', (position::int - 1)::text, 'status'] = 'done')
      returning r.doc
    )
    select coalesce(claimed.doc, run.doc) as doc, claimed.doc is not null as claimed
    from run left join claimed on true`,
};

const RENEW: Statement = {
  name: 'ledger.renew',
  text: `
    update ledger.runs
    set doc = jsonb_set(doc, ${stepPath('$3')} || array['lease_until'],
      to_jsonb(${leaseEnd('clock_timestamp()', '$4')}))
    where run_id = $1 and doc @> $2::jsonb
    returning 1`,
};

const FINISH: Statement = {
  name: 'ledger.finish',
  text: `
    update ledger.runs
    set doc = ${withStep('$3', STEP_DONE, `'reply', $4::jsonb, 'finished_at', ${NOW}`)}
      || jsonb_build_object('updated_at', ${NOW})
    where run_id = $1 and doc @> $2::jsonb
    returning status`,
};

/** As FINISH, ends the run with status $5, and completes its described assets. */
const FINISH_AND_END: Statement = {
  name: 'ledger.finish-and-end',
  text: `
    with run as (
      update ledger.runs
      set doc = ${withStep('$3', STEP_DONE, `'reply', $4::jsonb, 'finished_at', ${NOW}`)}
        || jsonb_build_object('updated_at', ${NOW}, 'status', $5::text, 'finished_at', ${NOW})
      where run_id = $1 and doc @> $2::jsonb
      returning _id, status
    ), completed as (
      update ledger.assets as asset
      set doc = (asset.doc - 'item_key') || jsonb_build_object('stac_key', asset.doc -> 'item_key')
      from run where asset.run_id = run._id and asset.doc ? 'item_key' and not asset.doc ? 'removed'
    )
    select status from run`,
};

/** Removes the placement that the claim with token $5 made. */
const RELEASE: Statement = {
  name: 'ledger.release',
  text: `
    update ledger.runs
    set doc = (${withStep('$3', STEP_FAILED, `'error', $4::jsonb, 'finished_at', ${NOW}`)}
      || jsonb_build_object('updated_at', ${NOW}))
      - case when (doc #>> '{placement,token}')::int = $5::int then 'placement' else '' end
    where run_id = $1 and doc @> $2::jsonb
    returning status`,
};

const RESTART: Statement = {
  name: 'ledger.restart',
  text: `
    update ledger.runs
    set doc = doc || case when $5::boolean then jsonb_build_object(
        'backend_deaths', coalesce((doc ->> 'backend_deaths')::int, 0) + 1) else '{}' end
      || jsonb_build_object(
      'restarts', coalesce((doc ->> 'restarts')::int, 0) + 1,
      'updated_at', ${NOW},
      'steps', (
        select jsonb_agg(value || ${jsonb(STEP_RESET)} || jsonb_build_object(
          'error', case when value ->> 'name' = $3 then $4::jsonb else value -> 'error' end) order by ordinality)
        from jsonb_array_elements(doc -> 'steps') with ordinality))
    where run_id = $1 and doc @> $2::jsonb
    returning doc`,
};

const HAS_STATE: Statement = {
  name: 'ledger.is-done',
  text: 'select 1 from ledger.runs where run_id = $1 and doc @> $2::jsonb',
};

export function claimQueries(database: Database): ClaimQueries {
  return {
    async claimStep({ runId, step, owner, takeOverFrom, leaseSeconds, server }) {
      const archives = claimsEndedRun(step);
      const values = [runId, step, owner, takeOverFrom ?? null, leaseSeconds, archives, server ?? null];
      const [row] = await database.query<{ doc: RunDocument; claimed: boolean }>(CLAIM, values);
      return row && { claimed: row.claimed, run: row.doc };
    },
    async renewClaim(claim, leaseSeconds) {
      return (await database.query(RENEW, [...heldBy(claim), claim.step, leaseSeconds])).length > 0;
    },
    async finishStep(claim, reply, endRunAs) {
      const values = [...heldBy(claim), claim.step, storableJson(reply)];
      const [row] = await (endRunAs === undefined
        ? database.query<{ status: Status }>(FINISH, values)
        : database.query<{ status: Status }>(FINISH_AND_END, [...values, endRunAs]));
      return row?.status;
    },
    async isFinishedBy(claim) {
      return (await database.query(HAS_STATE, [claim.runId, containing(finishedClaim(claim))])).length > 0;
    },
    async releaseStep(claim, error, unplace) {
      const values = [...heldBy(claim), claim.step, JSON.stringify(error), unplace ? claim.token : null];
      return (await database.query<{ status: Status }>(RELEASE, values))[0]?.status;
    },
    async restartRun(claim, error, backendDied) {
      const values = [...heldBy(claim), claim.step, JSON.stringify(error), backendDied];
      return (await database.documents<RunDocument>(RESTART, values))[0];
    },
  };
}

/** The values of `$1` and `$2` in a write that needs a current claim. */
export function heldBy(claim: ClaimRef): [runId: string, state: string] {
  return [claim.runId, containing(currentClaim(claim))];
}

/** The right side of `doc @> …`. */
function containing({ step, ...run }: ClaimState): string {
  return JSON.stringify({ ...run, steps: [step] });
}
