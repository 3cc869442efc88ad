import { writeCollection, writeItem, writeRootCatalog } from '#shared/catalog/write-catalog.ts';
import {
  collectionKey,
  describedAssetKey,
  isoKey,
  itemKey,
  ROOT_KEY,
  runIdOfAssetKey,
} from '#shared/contracts/object-keys.ts';
import type { AssetDocument, RunDocument } from '#shared/ledger/documents.ts';
import { ERROR_CODES } from '#shared/errors/codes.ts';
import { isArchived } from '#shared/run-control/resume-run.ts';
import type { Context } from '#shared/runtime/context.ts';
import { compareLake, type Discrepancy, compareCatalog, compareObject } from './compare-lake.ts';

// shared/reconcile: compares ledger, lake and catalog, and writes missing catalog documents again.

/** The result of a comparison of ledger, lake and catalog. */
export interface Reconciliation {
  /** Start of the comparison; ISO 8601 in UTC. */
  checked_at: string;
  /** Whether the content of every object was read and hashed. */
  deep: boolean;
  agrees: boolean;
  assets: number;
  objects: number;
  findings: Discrepancy[];
}

type Services = Pick<Context, 'ledger' | 'objects' | 'env'>;

/** Assets in one page of the ledger. */
const ASSETS_PER_PAGE = 500;

/**
 * Compares every asset of the ledger with the objects of the lake, by key and size. With `deep`, it also reads each
 * object to compare hash and metadata, and compares the catalog documents with the ledger. Changes nothing. Runs can
 * continue during the comparison: each discrepancy is checked a second time, and those that belong to a run that is not
 * archived are omitted, unless all attempts of its archive step have failed. Throws DATABASE_UNAVAILABLE,
 * STORE_UNAVAILABLE.
 */
export async function reconcile(
  services: Services,
  { deep, signal }: { deep: boolean; signal: AbortSignal },
): Promise<Reconciliation> {
  const checked_at = new Date().toISOString();
  // List the lake first: objects are uploaded before they are registered, so each object that is listed first is found
  // in the ledger.
  const objects = await listObjects(services, signal);
  const assets = await listAllAssets(services, signal);
  const datasetIds = (await services.ledger.listDatasets()).map(({ dataset_id }) => dataset_id);
  const findings: Discrepancy[] = [];
  for (const discrepancy of compareLake({ assets, datasetIds }, objects))
    if (await isConfirmed(discrepancy, assets, services)) findings.push(discrepancy);
  if (deep) {
    for (const asset of assets) findings.push(...(await compareObject(asset, services, signal)));
    findings.push(...(await compareCatalog(assets, services, signal)));
  }
  return { checked_at, deep, agrees: findings.length === 0, assets: assets.length, objects: objects.size, findings };
}

async function listObjects({ objects, env }: Services, signal: AbortSignal): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { key, size } of objects.list(env.LAKE_BUCKET, '')) {
    signal.throwIfAborted();
    sizes.set(key, size);
  }
  return sizes;
}

async function listAllAssets({ ledger }: Services, signal: AbortSignal): Promise<AssetDocument[]> {
  // New assets shift the pages, so that an asset can be listed twice. None is omitted.
  const byId = new Map<string, AssetDocument>();
  for (let offset = 0; ; offset += ASSETS_PER_PAGE) {
    signal.throwIfAborted();
    const page = await ledger.listAssets({ limit: ASSETS_PER_PAGE, offset });
    for (const asset of page) byId.set(asset._id, asset);
    if (page.length < ASSETS_PER_PAGE) return [...byId.values()];
  }
}

/** Checks a discrepancy again, because ledger and lake may have changed since they were listed. */
async function isConfirmed(
  discrepancy: Discrepancy,
  assets: readonly AssetDocument[],
  { ledger, objects, env }: Services,
): Promise<boolean> {
  const { key } = discrepancy;
  const head = await objects.head(env.LAKE_BUCKET, key);
  switch (discrepancy.kind) {
    case 'catalog_changed':
      return true;
    case 'catalog_missing':
      return head === undefined && (await isCatalogExpected(key, assets, ledger));
    case 'object_unregistered':
      return head !== undefined && !(await isAccountedFor(key, { ledger, env }));
    default:
      if ((await ledger.getAsset(discrepancy.asset_id)) === undefined) return false; // Removed since.
      return discrepancy.kind === 'object_changed'
        ? head !== undefined && head.size !== discrepancy.expected
        : head === undefined;
  }
}

/**
 * True if an archived run added a version to the catalog document. A run that is not archived may still have to write
 * it.
 */
async function isCatalogExpected(
  key: string,
  assets: readonly AssetDocument[],
  ledger: Services['ledger'],
): Promise<boolean> {
  for (const { stac_key, dataset_id, s3_key } of assets.toReversed()) {
    if (stac_key === null || (key !== ROOT_KEY && key !== collectionKey(dataset_id))) continue;
    const run = await ledger.getRun(runIdOfAssetKey(s3_key));
    if (run !== undefined && isArchived(run)) return true;
  }
  return false;
}

/**
 * True if the object was registered since, if its run can still register or delete it, or if it belongs to an asset
 * that was removed recently and will be deleted.
 */
async function isAccountedFor(key: string, { ledger, env }: Pick<Services, 'ledger' | 'env'>): Promise<boolean> {
  if ((await ledger.findAssetByKey(describedAssetKey(key))) !== undefined) return true;
  const [dataset_id = '', runId = ''] = key.split('/');
  const runs = RUN_ID.test(runId)
    ? [await ledger.getRun(runId)]
    : await ledger.listRuns({ dataset_id, archived: false, limit: 1 });
  const unarchived = runs.flatMap((run) => (run === undefined || isArchived(run) ? [] : [run]));
  if (unarchived.some((run) => !archiveHasFailed(run, env.RETRY_LIMIT))) return true;
  if (unarchived.length > 0) return false;
  return (await ledger.listRemovals({ dataset_id })).some(
    (asset) =>
      Date.now() - Date.parse(asset.removed?.at ?? '') < REMOVAL_MS &&
      [asset.s3_key, isoKey(asset.s3_key), itemKey(dataset_id, asset.version)].includes(key),
  );
}

/** The objects of a removed asset are deleted within minutes. When they exist for longer, the deletion fails. */
const REMOVAL_MS = 3600 * 1000;

/** True if the archive step of an ended run has failed and is not retried, so that it deletes nothing any more. */
function archiveHasFailed({ steps }: Pick<RunDocument, 'steps'>, retryLimit: number): boolean {
  const archive = steps.find(({ name }) => name === 'archive');
  if (archive?.status !== 'failed' || archive.error === null) return false;
  return !ERROR_CODES[archive.error.code].retryable || archive.attempt > retryLimit;
}

const RUN_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

type RepairServices = Services & Pick<Context, 'log'>;

/**
 * Writes missing catalog documents (catalog, collections, items, ISO records) from the ledger. Returns how many it
 * wrote.
 */
export async function repairCatalog(services: RepairServices, signal: AbortSignal): Promise<number> {
  const { findings } = await reconcile(services, { deep: false, signal });
  let repaired = 0;
  for (const discrepancy of findings) {
    signal.throwIfAborted();
    if (!(await repairDocument(discrepancy, services))) continue;
    services.log.warn({ key: discrepancy.key }, 'Catalog:Repair:Done');
    repaired += 1;
  }
  return repaired;
}

async function repairDocument(discrepancy: Discrepancy, services: RepairServices): Promise<boolean> {
  const { kind, key } = discrepancy;
  if (kind === 'record_missing') return writeRecords(discrepancy.asset_id, services);
  if (kind !== 'catalog_missing') return false;
  if (key === ROOT_KEY) await writeRootCatalog(services);
  else await writeCollection(key.split('/')[0] ?? '', services);
  return true;
}

async function writeRecords(assetId: string, services: Services): Promise<boolean> {
  const asset = await services.ledger.getAsset(assetId);
  const run = asset && (await services.ledger.getRun(runIdOfAssetKey(asset.s3_key)));
  if (!asset?.iso || run === undefined) return false;
  await writeItem(asset, asset.iso, run, services);
  return true;
}
