import { storableJson } from '#shared/text/storable.ts';
import type { AssetDocument } from '../documents.ts';
import type { DatasetVersion } from '../ledger.ts';
import type { AssetQueries, AssetWrite } from '../operations/assets.ts';
import { heldBy } from './claims.ts';
import { type Database, isUniqueViolation, type Statement } from './database.ts';
import { DEFAULT_LIMIT, listOf } from './list.ts';
import { CLAIM_HELD, COMPLETE, EXISTS, NOW } from './sql.ts';

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

const COMPLETE_ASSET: Statement = {
  name: 'ledger.complete-asset',
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
    select version, doc -> 'bbox' as bbox, created_at from ledger.assets
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
    completeAsset: (claim, assetId, { iso, stac_key }) =>
      write(COMPLETE_ASSET, [...heldBy(claim), assetId, storableJson({ iso, stac_key })]),
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
    listVersions: (datasetId) => database.query<DatasetVersion>(LIST_VERSIONS, [datasetId]),
  };
}
