import { statusesBefore } from '#shared/contracts/statuses.ts';
import { storableJson } from '#shared/text/storable.ts';
import { STEP_FAILED } from '../claim-rules.ts';
import type { ActivityDocument, DatasetDocument, LineageDocument, RunDocument } from '../documents.ts';
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
  text: "select doc from ledger.lineage where doc->'source'->>'asset_id' = $1 order by created_at, _id",
};
const INSERT_ACTIVITY: Statement = {
  name: 'ledger.append-activity',
  text: 'insert into ledger.activity_logs (doc) values ($1::jsonb) on conflict (_id) do nothing',
};
const LIST_PUBLISHED: Statement = {
  name: 'ledger.list-published-datasets',
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
    listDatasets: ({ published }) => database.documents<DatasetDocument>(published ? LIST_PUBLISHED : LIST_DATASETS),
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
    returning doc`,
};

export function runQueries(database: Database): RunQueries {
  const first = async (statement: Statement, values: unknown[]) =>
    (await database.documents<RunDocument>(statement, values))[0];
  return {
    getRun: (runId) => first(GET, [runId]),
    getRunByKey: (runKey) => first(GET_BY_KEY, [runKey]),
    listRuns({ status, batch_id, dataset_id, archived, limit, offset }) {
      const where = archived === undefined ? undefined : archived ? 'archived' : 'not archived';
      const equal = { status, batch_id, dataset_id };
      const list = listOf('runs', { equal, where, newestBy: 'created_at', limit, offset });
      return database.documents<RunDocument>(list, list.values);
    },
    insertRun: (run) => first(INSERT, [storableJson(run)]),
    endRun: (runId, status, error) => first(END, [runId, status, JSON.stringify(error), statusesBefore(status)]),
  };
}
