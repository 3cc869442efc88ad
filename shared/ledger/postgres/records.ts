import {
  type ActivityDocument,
  ActivityDocumentSchema,
  type DatasetDocument,
  type LineageDocument,
  LineageDocumentSchema,
} from '../documents.ts';
import type { Ledger } from '../ledger.ts';
import { parseDocument } from '../parse-document.ts';
import { storableJson, storableValue } from '#shared/text/storable.ts';
import { CLAIM_HELD, EXISTS, WHOLE } from './assets.ts';
import { currentClaim, staleClaim } from './claims.ts';
import type { Database, Statement } from './database.ts';
import { listOf } from './list.ts';

const INSERT_LINEAGE: Statement = {
  name: 'ledger.insert-lineage',
  text: `
    with ${CLAIM_HELD}, edge as (
      insert into ledger.lineage (doc) select value from claim, jsonb_array_elements($3::jsonb) on conflict (_id) do nothing
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
const APPEND_ACTIVITY: Statement = {
  name: 'ledger.append-activity',
  text: 'insert into ledger.activity_logs (doc) values ($1::jsonb) on conflict (_id) do nothing',
};
export const GET_DATASET: Statement = {
  name: 'ledger.get-dataset',
  text: 'select doc from ledger.datasets where dataset_id = $1',
};
const LIST_PUBLISHED: Statement = {
  name: 'ledger.list-published-datasets',
  text: `
    select doc from ledger.datasets as dataset
    where exists (select from ledger.assets where dataset_id = dataset.dataset_id and ${EXISTS} and ${WHOLE})
    order by dataset_id collate "C"`,
};
const LIST_DATASETS: Statement = {
  name: 'ledger.list-datasets',
  text: 'select doc from ledger.datasets order by dataset_id collate "C"',
};

type RecordOperations = Pick<
  Ledger,
  'insertLineage' | 'listLineage' | 'listDerived' | 'appendActivity' | 'listActivity' | 'listDatasets' | 'getDataset'
>;

/** Lineage, activity and datasets: what is only ever added. */
export function recordOperations(database: Database): RecordOperations {
  return {
    async insertLineage(claim, edges) {
      const parsed = edges.map((edge) => parseDocument(LineageDocumentSchema, 'lineage', edge));
      const held = await database.query(INSERT_LINEAGE, [claim.runId, currentClaim(claim), storableJson(parsed)]);
      if (held.length === 0) throw staleClaim(claim);
    },
    listLineage: (assetId) => database.documents<LineageDocument>(LIST_LINEAGE, [assetId]),
    listDerived: (assetId) => database.documents<LineageDocument>(LIST_DERIVED, [assetId]),
    async appendActivity(activity) {
      await database.query(APPEND_ACTIVITY, [
        storableJson(parseDocument(ActivityDocumentSchema, 'activity_logs', storableValue(activity))),
      ]);
    },
    listActivity(filter = {}) {
      const { run_id, batch_id, limit, offset } = filter;
      const list = listOf('activity_logs', { equal: { run_id, batch_id }, newestBy: 'at', limit, offset });
      return database.documents<ActivityDocument>(list, list.values);
    },
    listDatasets: ({ published = false } = {}) =>
      database.documents<DatasetDocument>(published ? LIST_PUBLISHED : LIST_DATASETS),
    getDataset: async (datasetId) => (await database.documents<DatasetDocument>(GET_DATASET, [datasetId]))[0],
  };
}
