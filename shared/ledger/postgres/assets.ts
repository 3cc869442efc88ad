import { UNSUCCESSFUL_STATUSES } from '#shared/contracts/statuses.ts';
import { storableJson } from '#shared/text/storable.ts';
import type { AssetDocument, DatasetDocument, RemovalReason } from '../documents.ts';
import { type DatasetVersion, DEFAULT_LIMIT } from '../ledger.ts';
import type { AssetQueries, AssetWrite, RemovalQueries } from '../operations/assets.ts';
import { heldBy } from './claims.ts';
import { type Database, isUniqueViolation, type Statement } from './database.ts';
import { CLAIM_HELD, COMPLETE, EXISTS, listOf, listOfTexts, NOW } from './sql.ts';

/** `doc` of run r with an asset added. */
const WITH_ASSET = `r.doc || jsonb_build_object(
        'asset_ids', r.doc -> 'asset_ids' || to_jsonb(asset._id), 'updated_at', ${NOW})`;

/**
 * Inserts asset $3 with the next version of its dataset $4, unless it is stored. The dataset's row is locked, so that
 * versions have no gaps.
 */
const INSERT: Statement = {
  name: 'ledger.register-asset',
  text: `
    with ${CLAIM_HELD}, stored as (
      select doc from ledger.assets where _id = $3::jsonb ->> '_id'
    ), dataset as (
      insert into ledger.datasets as d (doc)
      select $4::jsonb || '{"latest_version": 1}' from claim where not exists (select from stored)
      on conflict (_id) do update set doc = d.doc || jsonb_build_object('latest_version', d.latest_version + 1)
      returning latest_version
    ), asset as (
      insert into ledger.assets (doc)
      select $3::jsonb || jsonb_build_object('version', latest_version, 'created_at', ${NOW}) from dataset
      returning doc, _id
    ), run as (
      update ledger.runs as r set doc = ${WITH_ASSET} from claim, asset where r._id = claim._id
    )
    select coalesce(asset.doc, stored.doc) as doc from claim left join stored on true left join asset on true`,
};

const LINK: Statement = {
  name: 'ledger.link-asset',
  text: `
    with ${CLAIM_HELD}, asset as (
      select _id from ledger.assets where _id = $3 and ${EXISTS} and ${COMPLETE}
    ), run as (
      update ledger.runs as r set doc = ${WITH_ASSET}
      from claim, asset where r._id = claim._id and not r.doc -> 'asset_ids' ? asset._id
    )
    select asset._id as found from claim left join asset on true`,
};

const DESCRIBE: Statement = {
  name: 'ledger.describe-asset',
  text: `
    with ${CLAIM_HELD}, asset as (
      update ledger.assets set doc = doc || $4::jsonb
      from claim where assets._id = $3 and ${EXISTS} returning assets._id
    )
    select asset._id as found from claim left join asset on true`,
};

const GET: Statement = { name: 'ledger.get-asset', text: `select doc from ledger.assets where _id = $1 and ${EXISTS}` };
const GET_SEVERAL: Statement = {
  name: 'ledger.get-assets',
  text: `select doc from ledger.assets where _id = any ($1::text[]) and ${EXISTS}`,
};
const FIND_BY_KEY: Statement = {
  name: 'ledger.asset-by-key',
  text: `select doc from ledger.assets where s3_key = $1 and ${EXISTS}`,
};
const FIND_BY_SOURCE: Statement = {
  name: 'ledger.asset-by-source',
  text: `
    select doc from ledger.assets where dataset_id = $1 and source_hash = $2 and ${EXISTS} and ${COMPLETE}
    order by version desc limit 1`,
};
const LIST_OF_RUN: Statement = {
  name: 'ledger.assets-of-run',
  text: `
    select doc from ledger.assets
    where _id in (select jsonb_array_elements_text(doc -> 'asset_ids') from ledger.runs where run_id = $1)
      and ($2::text is null or dataset_id = $2) and ${EXISTS}
    order by created_at desc, _id limit $3 offset $4`,
};

const LIST_VERSIONS: Statement = {
  name: 'ledger.versions-of-dataset',
  text: `
    select version, doc -> 'bbox' as bbox, created_at, doc -> 'data_time' as data_time from ledger.assets
    where dataset_id = $1 and ${EXISTS} and ${COMPLETE}
    order by version desc`,
};

export function assetQueries(database: Database): AssetQueries {
  const first = async (statement: Statement, values: string[]) =>
    (await database.documents<AssetDocument>(statement, values))[0];
  const write = async (statement: Statement, values: string[]): Promise<AssetWrite> => {
    const [row] = await database.query<{ found: string | null }>(statement, values);
    if (row === undefined) return 'stale';
    return row.found === null ? 'not_found' : 'written';
  };
  return {
    async insertAsset(claim, draft, dataset) {
      const values = [...heldBy(claim), storableJson(draft), storableJson(dataset)];
      try {
        return await first(INSERT, values);
      } catch (thrown) {
        // Another call stored it while this one waited for the row lock. The repeated statement finds it.
        if (isUniqueViolation(thrown)) return first(INSERT, values);
        throw thrown;
      }
    },
    linkAsset: (claim, assetId) => write(LINK, [...heldBy(claim), assetId]),
    describeAsset: (claim, assetId, { iso, item_key }) =>
      write(DESCRIBE, [...heldBy(claim), assetId, storableJson({ iso, item_key })]),
    getAsset: (assetId) => first(GET, [assetId]),
    getAssets: (assetIds) => database.documents<AssetDocument>(GET_SEVERAL, [[...assetIds]]),
    findAssetBySource: (datasetId, sourceHash) => first(FIND_BY_SOURCE, [datasetId, sourceHash]),
    findAssetByKey: (s3Key) => first(FIND_BY_KEY, [s3Key]),
    listAssets({ dataset_id, run_id, limit = DEFAULT_LIMIT, offset = 0 }) {
      if (run_id !== undefined)
        return database.documents<AssetDocument>(LIST_OF_RUN, [run_id, dataset_id ?? null, limit, offset]);
      const list = listOf('assets', { equal: { dataset_id }, where: EXISTS, newestBy: 'created_at', limit, offset });
      return database.documents<AssetDocument>(list, list.values);
    },
    listVersions: async (datasetId) => {
      type Row = Omit<DatasetVersion, 'data_time'> & { data_time: DatasetVersion['data_time'] | null };
      const rows = await database.query<Row>(LIST_VERSIONS, [datasetId]);
      return rows.map(({ data_time, ...version }) => ({ ...version, ...(data_time === null ? {} : { data_time }) }));
    },
  };
}

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
 * The lock on the dataset makes removals consecutive, and the statement reads the newest rule. The statement does not
 * see a version that is registered while it runs. Then one version too many is kept, and the run of that version
 * removes it. Without a rule, `newest > keep` is null and nothing is removed.
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
  name: 'ledger.mark-objects-deleted',
  text: `
    update ledger.assets set doc = doc || jsonb_build_object('purged_at', ${NOW})
    where _id = $1 and doc ? 'removed' and not doc ? 'purged_at'`,
};

/** Length of a list of removals when the caller sets no limit. */
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
