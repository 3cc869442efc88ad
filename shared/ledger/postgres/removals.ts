import { SluiceError } from '#shared/errors/sluice-error.ts';
import { KeepVersionsSchema } from '#shared/manifest/manifest.ts';
import type { AssetDocument, DatasetDocument, REMOVAL_REASONS } from '../documents.ts';
import type { Ledger } from '../ledger.ts';
import { parseDocument } from '../parse-document.ts';
import { EXISTS, WHOLE } from './assets.ts';
import { iso } from './claims.ts';
import type { Database, Statement } from './database.ts';
import { GET_DATASET } from './records.ts';

const NOW = iso('clock_timestamp()');

/** ISO times sort as bytes. */
const SET_RETENTION: Statement = {
  name: 'ledger.set-retention',
  text: `
    update ledger.datasets set doc = doc || jsonb_build_object('keep_versions', $2::int, 'retention_decided_at', $3::text)
    where dataset_id = $1 and coalesce(doc ->> 'retention_decided_at', '') collate "C" <= $3 collate "C"
    returning doc`,
};

/** Marks the assets that `surplus` gives, unless another statement was quicker. */
const removal = (name: string, surplus: string, reason: (typeof REMOVAL_REASONS)[number]): Statement => ({
  name,
  text: `
    with ${surplus}
    update ledger.assets as a set doc = a.doc || jsonb_build_object('removed', jsonb_build_object('at', ${NOW}, 'reason', '${reason}'))
    from surplus where a._id = surplus._id and not a.doc ? 'removed'
    returning a.doc`,
});

/**
 * The lock on the dataset gives the newest rule and lets one statement at a time remove. A version that is registered meanwhile is not
 * seen: then one too many is kept, and the run of that version removes it. Without a rule `newest > keep` is null, which removes nothing.
 */
const REMOVE_OLD = removal(
  'ledger.remove-old-versions',
  `dataset as materialized (
      select (doc ->> 'keep_versions')::int as keep from ledger.datasets where dataset_id = $1 for update
    ), whole as (
      select _id, row_number() over (order by version desc) as newest from ledger.assets
      where dataset_id = $1 and ${EXISTS} and ${WHOLE}
    ), surplus as (
      select whole._id from dataset, whole where newest > keep
    )`,
  'retention',
);

/** Once a run has ended, no claim of it is current: nothing can make its assets whole any more. */
const REMOVE_UNFINISHED = removal(
  'ledger.remove-unfinished',
  `surplus as (
      select asset._id from ledger.runs as run join ledger.assets as asset on asset.run_id = run._id
      where run.run_id = $1 and run.status in ('failure', 'canceled') and asset.doc ->> 'stac_key' is null
    )`,
  'run_not_finished',
);

const GET_REMOVED: Statement = {
  name: 'ledger.get-removed',
  text: "select doc from ledger.assets where _id = $1 and doc ? 'removed'",
};
const LIST_REMOVALS: Statement = {
  name: 'ledger.list-removals',
  text: `
    select doc from ledger.assets where doc ? 'removed' and not doc ? 'purged_at' and ($1::text is null or dataset_id = $1)
    order by doc -> 'removed' ->> 'at', _id limit $2`,
};
const MARK_PURGED: Statement = {
  name: 'ledger.mark-purged',
  text: `update ledger.assets set doc = doc || jsonb_build_object('purged_at', ${NOW}) where _id = $1 and doc ? 'removed' and not doc ? 'purged_at'`,
};

/** How many removals a list gives when the caller does not say. */
const DEFAULT_LIMIT = 100;

type RemovalOperations = Pick<
  Ledger,
  'setRetention' | 'removeOldVersions' | 'removeUnfinishedAssets' | 'getRemovedAsset' | 'listRemovals' | 'markPurged'
>;

export function removalOperations(database: Database): RemovalOperations {
  return {
    async setRetention(datasetId, { keep_versions, decided_at }) {
      const keep = parseDocument(KeepVersionsSchema.nullable(), 'datasets', keep_versions);
      const [set] = await database.documents<DatasetDocument>(SET_RETENTION, [datasetId, keep, decided_at]);
      const dataset = set ?? (await database.documents<DatasetDocument>(GET_DATASET, [datasetId]))[0];
      if (dataset === undefined)
        throw new SluiceError('DATASET_NOT_FOUND', `There is no dataset ${JSON.stringify(datasetId)}.`, {
          details: { dataset_id: datasetId },
        });
      return dataset;
    },
    removeOldVersions: (datasetId) => database.documents<AssetDocument>(REMOVE_OLD, [datasetId]),
    removeUnfinishedAssets: (runId) => database.documents<AssetDocument>(REMOVE_UNFINISHED, [runId]),
    getRemovedAsset: async (assetId) => (await database.documents<AssetDocument>(GET_REMOVED, [assetId]))[0],
    listRemovals: ({ dataset_id, limit = DEFAULT_LIMIT } = {}) =>
      database.documents<AssetDocument>(LIST_REMOVALS, [dataset_id ?? null, limit]),
    async markPurged(assetId) {
      await database.query(MARK_PURGED, [assetId]);
    },
  };
}
