import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { ClaimRef } from '#shared/contracts/claim.ts';
import { type AssetDocument, AssetDocumentSchema } from '../documents.ts';
import type { DatasetVersion, Ledger } from '../ledger.ts';
import { newDataset } from '../new-run.ts';
import { parseDocument } from '../parse-document.ts';
import { storableJson } from '#shared/text/storable.ts';
import { currentClaim, iso, staleClaim } from './claims.ts';
import { type Database, isUniqueViolation, type Statement } from './database.ts';
import { listOf } from './list.ts';
import type { RunAnnouncer } from './run-announcer.ts';

/** Asset rows that exist: not removed. */
export const EXISTS = "not doc ? 'removed'";
/** … that have all their records. */
export const WHOLE = "doc ->> 'stac_key' is not null";

const NOW = iso('clock_timestamp()');

/**
 * The fence: the run's row, locked until the statement ends, when `$2` (currentClaim) still holds for run `$1`; else no row.
 * A statement writes only where this gives a row.
 */
export const CLAIM_HELD =
  'claim as materialized (select _id from ledger.runs where run_id = $1 and doc @> $2::jsonb for update)';

/** The asset $3, with the next version of its dataset $4, unless it is stored. The dataset's row is locked, so versions have no gaps. */
const REGISTER: Statement = {
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
      insert into ledger.assets (doc) select $3::jsonb || jsonb_build_object('version', latest_version, 'created_at', ${NOW}) from dataset returning doc, _id
    ), run as (
      update ledger.runs as r
      set doc = r.doc || jsonb_build_object('asset_ids', r.doc -> 'asset_ids' || to_jsonb(asset._id), 'updated_at', ${NOW})
      from claim, asset where r._id = claim._id
    )
    select coalesce(asset.doc, stored.doc) as doc from claim left join stored on true left join asset on true`,
};

const LINK: Statement = {
  name: 'ledger.link-asset',
  text: `
    with ${CLAIM_HELD}, asset as (
      select _id from ledger.assets where _id = $3 and ${EXISTS} and ${WHOLE}
    ), run as (
      update ledger.runs as r
      set doc = r.doc || jsonb_build_object('asset_ids', r.doc -> 'asset_ids' || to_jsonb(asset._id), 'updated_at', ${NOW})
      from claim, asset where r._id = claim._id and not r.doc -> 'asset_ids' ? asset._id
    )
    select asset._id as found from claim left join asset on true`,
};

const DESCRIBE: Statement = {
  name: 'ledger.describe-asset',
  text: `
    with ${CLAIM_HELD}, asset as (
      update ledger.assets set doc = doc || $4::jsonb from claim where assets._id = $3 and ${EXISTS} returning assets._id
    )
    select asset._id as found from claim left join asset on true`,
};

const GET: Statement = { name: 'ledger.get-asset', text: `select doc from ledger.assets where _id = $1 and ${EXISTS}` };
const GET_SEVERAL: Statement = {
  name: 'ledger.get-assets',
  text: `select doc from ledger.assets where _id = any ($1::text[]) and ${EXISTS}`,
};
const BY_KEY: Statement = {
  name: 'ledger.asset-by-key',
  text: `select doc from ledger.assets where s3_key = $1 and ${EXISTS}`,
};
const BY_SOURCE: Statement = {
  name: 'ledger.asset-by-source',
  text: `select doc from ledger.assets where dataset_id = $1 and source_hash = $2 and ${EXISTS} and ${WHOLE} order by version desc limit 1`,
};
const OF_RUN: Statement = {
  name: 'ledger.assets-of-run',
  text: `
    select doc from ledger.assets
    where _id in (select jsonb_array_elements_text(doc -> 'asset_ids') from ledger.runs where run_id = $1) and ($2::text is null or dataset_id = $2) and ${EXISTS}
    order by created_at desc, _id limit $3 offset $4`,
};

/** Only the fields of DatasetVersion, so that a dataset of many versions does not transfer its documents. */
const VERSIONS: Statement = {
  name: 'ledger.versions-of-dataset',
  text: `
    select version, doc -> 'bbox' as bbox, created_at from ledger.assets
    where dataset_id = $1 and ${EXISTS} and ${WHOLE}
    order by version desc`,
};

/** How many assets a list of a run gives when the caller does not say. */
const DEFAULT_LIMIT = 50;

type AssetOperations = Pick<
  Ledger,
  | 'registerAsset'
  | 'linkAsset'
  | 'describeAsset'
  | 'getAsset'
  | 'getAssets'
  | 'findAssetBySource'
  | 'findAssetByKey'
  | 'listAssets'
  | 'listVersions'
>;

export function assetOperations(database: Database, runs: RunAnnouncer): AssetOperations {
  const first = async (statement: Statement, values: string[]) =>
    (await database.documents<AssetDocument>(statement, values))[0];
  return {
    async registerAsset(claim, draft) {
      // Version and time are given by the ledger; these stand in for them in the check.
      const {
        version: _version,
        created_at: _createdAt,
        ...parsed
      } = parseDocument(AssetDocumentSchema, 'assets', { ...draft, version: 1, created_at: new Date(0).toISOString() });
      const values = [
        claim.runId,
        currentClaim(claim),
        storableJson(parsed),
        storableJson(newDataset(draft.dataset_id)),
      ];
      const register = () => database.documents<AssetDocument>(REGISTER, values);
      const [asset] = await register().catch((thrown: unknown) => {
        // Another call registered it while this one waited for the row; now it is there to be found.
        if (isUniqueViolation(thrown)) return register();
        throw thrown;
      });
      if (asset === undefined) throw staleClaim(claim);
      runs.announce(claim.runId, 'running'); // Else the claim would be stale.
      return asset;
    },
    async linkAsset(claim, assetId) {
      await writeAsset(LINK, claim, assetId, []);
      runs.announce(claim.runId, 'running'); // Else the claim would be stale.
    },
    describeAsset: (claim, assetId, { iso: record, stac_key }) =>
      writeAsset(DESCRIBE, claim, assetId, [storableJson({ iso: record, stac_key })]),
    getAsset: (assetId) => first(GET, [assetId]),
    getAssets: (assetIds) =>
      assetIds.length === 0 ? Promise.resolve([]) : database.documents<AssetDocument>(GET_SEVERAL, [[...assetIds]]),
    findAssetBySource: (datasetId, sourceHash) => first(BY_SOURCE, [datasetId, sourceHash]),
    findAssetByKey: (s3Key) => first(BY_KEY, [s3Key]),
    listAssets(filter = {}) {
      const { dataset_id, run_id, limit = DEFAULT_LIMIT, offset = 0 } = filter;
      if (run_id !== undefined)
        return database.documents<AssetDocument>(OF_RUN, [run_id, dataset_id ?? null, limit, offset]);
      const list = listOf('assets', { equal: { dataset_id }, where: EXISTS, newestBy: 'created_at', limit, offset });
      return database.documents<AssetDocument>(list, list.values);
    },
    listVersions: (datasetId) => database.query<DatasetVersion>(VERSIONS, [datasetId]),
  };

  async function writeAsset(statement: Statement, claim: ClaimRef, assetId: string, values: string[]): Promise<void> {
    const [held] = await database.query<{ found: string | null }>(statement, [
      claim.runId,
      currentClaim(claim),
      assetId,
      ...values,
    ]);
    if (held === undefined) throw staleClaim(claim);
    if (held.found === null)
      throw new SluiceError('ASSET_NOT_FOUND', `There is no asset ${assetId}.`, { details: { asset_id: assetId } });
  }
}
