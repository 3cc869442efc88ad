import { UNSUCCESSFUL_STATUSES } from '#shared/contracts/statuses.ts';
import type { AssetDocument, DatasetDocument, RemovalReason } from '../documents.ts';
import type { RemovalQueries } from '../operations/removals.ts';
import type { Database, Statement } from './database.ts';
import { COMPLETE, EXISTS, listOfTexts, NOW } from './sql.ts';

/** A decision is later when its ISO 8601 text is greater in byte order. */
const SET_RETENTION: Statement = {
  name: 'ledger.set-retention',
  text: `
    update ledger.datasets
    set doc = doc || jsonb_build_object('keep_versions', $2::int, 'retention_decided_at', $3::text)
    where dataset_id = $1 and coalesce(doc ->> 'retention_decided_at', '') collate "C" <= $3 collate "C"
    returning doc`,
};

/** Marks the assets that the common table expression `surplus` selects, except those that another statement marked. */
const removal = (name: string, surplus: string, reason: RemovalReason): Statement => ({
  name,
  text: `
    with ${surplus}
    update ledger.assets as a
    set doc = a.doc || jsonb_build_object('removed', jsonb_build_object('at', ${NOW}, 'reason', '${reason}'))
    from surplus where a._id = surplus._id and not a.doc ? 'removed'
    returning a.doc`,
});

/**
 * The lock on the dataset makes removals consecutive, and gives the newest rule. The statement does not see a version
 * that is registered while it runs. Then one version too many is kept, and the run of that version removes it.
 * Without a rule, `newest > keep` is null and nothing is removed.
 */
const REMOVE_OLD = removal(
  'ledger.remove-old-versions',
  `dataset as materialized (
      select (doc ->> 'keep_versions')::int as keep from ledger.datasets where dataset_id = $1 for update
    ), complete as (
      select _id, row_number() over (order by version desc) as newest from ledger.assets
      where dataset_id = $1 and ${EXISTS} and ${COMPLETE}
    ), surplus as (
      select complete._id from dataset, complete where newest > keep
    )`,
  'retention',
);

/** An ended run has no current claim, so its incomplete assets can never be completed. */
const REMOVE_UNFINISHED = removal(
  'ledger.remove-unfinished',
  `surplus as (
      select asset._id from ledger.runs as run join ledger.assets as asset on asset.run_id = run._id
      where run.run_id = $1 and run.status in ${listOfTexts(UNSUCCESSFUL_STATUSES)}
        and asset.doc ->> 'stac_key' is null
    )`,
  'run_not_finished',
);

const GET_DATASET: Statement = {
  name: 'ledger.get-dataset',
  text: 'select doc from ledger.datasets where dataset_id = $1',
};
const GET_REMOVED: Statement = {
  name: 'ledger.get-removed',
  text: "select doc from ledger.assets where _id = $1 and doc ? 'removed'",
};
const LIST_REMOVALS: Statement = {
  name: 'ledger.list-removals',
  text: `
    select doc from ledger.assets
    where doc ? 'removed' and not doc ? 'purged_at' and ($1::text is null or dataset_id = $1)
    order by doc -> 'removed' ->> 'at', _id limit $2`,
};
const MARK_PURGED: Statement = {
  name: 'ledger.mark-purged',
  text: `
    update ledger.assets set doc = doc || jsonb_build_object('purged_at', ${NOW})
    where _id = $1 and doc ? 'removed' and not doc ? 'purged_at'`,
};

/** Length of a list of removals when the caller gives no limit. */
const DEFAULT_REMOVALS = 100;

export function removalQueries(database: Database): RemovalQueries {
  return {
    setRetention: async (datasetId, { keep_versions, decided_at }) =>
      (await database.documents<DatasetDocument>(SET_RETENTION, [datasetId, keep_versions, decided_at]))[0],
    getDataset: async (datasetId) => (await database.documents<DatasetDocument>(GET_DATASET, [datasetId]))[0],
    removeOldVersions: (datasetId) => database.documents<AssetDocument>(REMOVE_OLD, [datasetId]),
    removeUnfinishedAssets: (runId) => database.documents<AssetDocument>(REMOVE_UNFINISHED, [runId]),
    getRemovedAsset: async (assetId) => (await database.documents<AssetDocument>(GET_REMOVED, [assetId]))[0],
    listRemovals: ({ dataset_id, limit = DEFAULT_REMOVALS }) =>
      database.documents<AssetDocument>(LIST_REMOVALS, [dataset_id ?? null, limit]),
    async markPurged(assetId) {
      await database.query(MARK_PURGED, [assetId]);
    },
  };
}
