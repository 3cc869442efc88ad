import { storableJson } from '#shared/text/storable.ts';
import type { ActivityDocument, DatasetDocument, LineageDocument } from '../documents.ts';
import type { RecordQueries } from '../operations/records.ts';
import { heldBy } from './claims.ts';
import type { Database, Statement } from './database.ts';
import { listOf } from './list.ts';
import { CLAIM_HELD, COMPLETE, EXISTS } from './sql.ts';

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
