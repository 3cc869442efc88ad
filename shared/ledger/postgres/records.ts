import type { Lane } from '#shared/contracts/lanes.ts';
import { statusesBefore } from '#shared/contracts/statuses.ts';
import { storableJson } from '#shared/text/storable.ts';
import { STEP_FAILED } from '../claim-rules.ts';
import type { ActivityDocument, DatasetDocument, LineageDocument, RunDocument } from '../documents.ts';
import type { RunGroup } from '../ledger.ts';
import type { RecordQueries, RunQueries } from '../operations/records.ts';
import { heldBy } from './claims.ts';
import type { Database, Statement } from './database.ts';
import { CLAIM_HELD, COMPLETE, EXISTS, jsonb, listOf, NOW } from './sql.ts';

const INSERT_LINEAGE: Statement = {
  name: 'ledger.insert-lineage',
  text: `
    with ${CLAIM_HELD}, edge as (
      insert into ledger.lineage (doc)
      select value from claim, jsonb_array_elements($3::jsonb) on conflict (_id) do nothing
    )
    select from claim`,
};
const LIST_LINEAGE: Statement = {
  name: 'ledger.list-lineage',
  text: 'select doc from ledger.lineage where asset_id = $1 order by created_at, _id',
};
const LIST_DERIVED: Statement = {
  name: 'ledger.list-derived',
  // The second condition is that of the partial index.
  text: `
    select doc from ledger.lineage where doc->'source'->>'asset_id' = $1 and doc->'source' ? 'asset_id'
    order by created_at, _id`,
};
const INSERT_ACTIVITY: Statement = {
  name: 'ledger.append-activity',
  text: 'insert into ledger.activity_logs (doc) values ($1::jsonb) on conflict (_id) do nothing',
};
const LIST_WITH_COMPLETE_ASSET: Statement = {
  name: 'ledger.list-datasets-with-complete-asset',
  text: `
    select doc from ledger.datasets as dataset
    where exists (select from ledger.assets where dataset_id = dataset.dataset_id and ${EXISTS} and ${COMPLETE})
    order by dataset_id collate "C"`,
};
const LIST_DATASETS: Statement = {
  name: 'ledger.list-datasets',
  text: 'select doc from ledger.datasets order by dataset_id collate "C"',
};

/** Lineage, activities and the list of datasets. */
export function recordQueries(database: Database): Omit<RecordQueries, 'getDataset'> {
  return {
    insertLineage: async (claim, edges) =>
      (await database.query(INSERT_LINEAGE, [...heldBy(claim), storableJson(edges)])).length > 0,
    listLineage: (assetId) => database.documents<LineageDocument>(LIST_LINEAGE, [assetId]),
    listDerived: (assetId) => database.documents<LineageDocument>(LIST_DERIVED, [assetId]),
    async insertActivity(activity) {
      await database.query(INSERT_ACTIVITY, [storableJson(activity)]);
    },
    listActivity({ run_id, batch_id, limit, offset }) {
      const list = listOf('activity_logs', { equal: { run_id, batch_id }, newestBy: 'at', limit, offset });
      return database.documents<ActivityDocument>(list, list.values);
    },
    listDatasets: ({ withCompleteAsset }) =>
      database.documents<DatasetDocument>(withCompleteAsset ? LIST_WITH_COMPLETE_ASSET : LIST_DATASETS),
  };
}

const GET: Statement = { name: 'ledger.get-run', text: 'select doc from ledger.runs where run_id = $1' };
const GET_BY_KEY: Statement = { name: 'ledger.run-by-key', text: 'select doc from ledger.runs where run_key = $1' };
const INSERT: Statement = {
  name: 'ledger.insert-run',
  text: 'insert into ledger.runs (doc) values ($1::jsonb) on conflict do nothing returning doc',
};
const END: Statement = {
  name: 'ledger.end-run',
  text: `
    update ledger.runs
    set doc = doc || jsonb_build_object(
      'status', $2::text, 'error', $3::jsonb, 'finished_at', ${NOW}, 'updated_at', ${NOW},
      'steps', (
        select jsonb_agg(
          case when value ->> 'status' = 'running'
            then value || ${jsonb(STEP_FAILED)} || jsonb_build_object(
              'error', coalesce(nullif($3::jsonb, 'null'), value -> 'error'), 'finished_at', ${NOW})
            else value
          end order by ordinality)
        from jsonb_array_elements(doc -> 'steps') with ordinality))
    where run_id = $1 and status = any ($4::text[])
      and not exists (
        select from jsonb_array_elements(doc -> 'steps')
        where value ->> 'name' = $5 and (value ->> 'status' = 'done'
          or $6::boolean and value ->> 'status' = 'running'
            and (value ->> 'lease_until')::timestamptz > clock_timestamp()))
    returning doc`,
};

/** The texts that a search compares. */
const SEARCHED = `concat_ws(' ', batch_id, dataset_id, run_id, doc -> 'tags' ->> 'uploader')`;
const COUNT_RUNNING: Statement = {
  name: 'ledger.count-running-runs-by-lane',
  text: `select lane, count(*)::int as count from ledger.runs where status = 'running' group by lane`,
};
const SUMMARIZE: Statement = {
  name: 'ledger.summarize-runs',
  text: `
    select lane, status, hour, count(*)::int as count,
      coalesce(sum(seconds), 0) as total_seconds, coalesce(max(seconds), 0) as max_seconds
    from (
      select lane, status, left(created_at, 13) as hour,
        extract(epoch from (doc ->> 'finished_at')::timestamptz - created_at::timestamptz)::float8 as seconds
      from ledger.runs where created_at >= $1) as run
    group by lane, status, hour`,
};

export function runQueries(database: Database): RunQueries {
  const first = async (statement: Statement, values: unknown[]) =>
    (await database.documents<RunDocument>(statement, values))[0];
  return {
    getRun: (runId) => first(GET, [runId]),
    getRunByKey: (runKey) => first(GET_BY_KEY, [runKey]),
    listRuns({ status, batch_id, dataset_id, lane, archived, limit, offset, ...filter }) {
      const where = archived === undefined ? undefined : archived ? 'archived' : 'not archived';
      const equal = { status, batch_id, dataset_id, lane };
      const matching = [
        { condition: (value: string) => `created_at >= ${value}`, value: filter.since },
        { condition: (value: string) => `created_at < ${value}`, value: filter.until },
        { condition: (value: string) => `strpos(lower(${SEARCHED}), lower(${value})) > 0`, value: filter.text },
      ];
      const list = listOf('runs', { equal, where, matching, newestBy: 'created_at', limit, offset });
      return database.documents<RunDocument>(list, list.values);
    },
    countRunningRuns: () => database.query<{ lane: Lane; count: number }>(COUNT_RUNNING),
    summarizeRuns: (since) => database.query<RunGroup>(SUMMARIZE, [since]),
    insertRun: (run) => first(INSERT, [storableJson(run)]),
    endRun: (runId, status, error, unless) => {
      const values = [runId, status, JSON.stringify(error), statusesBefore(status)];
      return first(END, [...values, unless?.step ?? null, unless?.orClaimed ?? false]);
    },
  };
}
