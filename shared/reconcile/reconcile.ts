import {
  describedAssetKey,
  collectionKey,
  isoKey,
  itemKey,
  ROOT_KEY,
  runIdOfAssetKey,
} from '#shared/contracts/object-keys.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import { isArchived } from '#shared/run-control/due-event.ts';
import type { Context } from '#shared/runtime/context.ts';
import { digest } from '#shared/storage/transfer.ts';
import { catalogContents } from './catalog-contents.ts';
import { compareLake, type Finding, named } from './compare-lake.ts';

/** In what ledger and lake disagree. */
export interface Reconciliation {
  /** When the comparison began; ISO 8601 in UTC. */
  checked_at: string;
  /** Whether the content of every object was read and hashed. */
  deep: boolean;
  agrees: boolean;
  assets: number;
  objects: number;
  findings: Finding[];
}

type Parts = Pick<Context, 'ledger' | 'objects' | 'env'>;

/** Assets that are read at once. */
const ASSETS_PER_PAGE = 500;

/**
 * Compares every asset of the ledger with the objects of the lake, by key and size; `deep` also reads each object, compares hash and
 * metadata, and the documents of the catalog with the ledger. Changes nothing. Runs may go on meanwhile: what looks wrong is looked at once more, and what belongs to a run that is
 * not archived yet is left out. Throws DATABASE_UNAVAILABLE, STORE_UNAVAILABLE.
 */
export async function reconcile(
  parts: Parts,
  { deep, signal }: { deep: boolean; signal: AbortSignal },
): Promise<Reconciliation> {
  const checked_at = new Date().toISOString();
  // The lake first: an object is uploaded before it is registered, so the other order would find every new one.
  const objects = await listLake(parts, signal);
  const assets = await listAssets(parts, signal);
  const datasetIds = (await parts.ledger.listDatasets()).map(({ dataset_id }) => dataset_id);
  const findings: Finding[] = [];
  for (const finding of compareLake({ assets, datasetIds }, objects))
    if (await isStillSo(finding, assets, parts)) findings.push(finding);
  if (deep) {
    for (const asset of assets) findings.push(...(await contentFindings(asset, parts, signal)));
    findings.push(...(await catalogContents(assets, parts, signal)));
  }
  return { checked_at, deep, agrees: findings.length === 0, assets: assets.length, objects: objects.size, findings };
}

async function listLake({ objects, env }: Parts, signal: AbortSignal): Promise<Map<string, number>> {
  const sizes = new Map<string, number>();
  for await (const { key, size } of objects.list(env.LAKE_BUCKET, '')) {
    signal.throwIfAborted();
    sizes.set(key, size);
  }
  return sizes;
}

async function listAssets({ ledger }: Parts, signal: AbortSignal): Promise<AssetDocument[]> {
  // New assets shift the pages, so that one comes twice; none is left out.
  const byId = new Map<string, AssetDocument>();
  for (let offset = 0; ; offset += ASSETS_PER_PAGE) {
    signal.throwIfAborted();
    const page = await ledger.listAssets({ limit: ASSETS_PER_PAGE, offset });
    for (const asset of page) byId.set(asset._id, asset);
    if (page.length < ASSETS_PER_PAGE) return [...byId.values()];
  }
}

/** A second look, for what changed since the lists were read. */
async function isStillSo(
  finding: Finding,
  assets: readonly AssetDocument[],
  { ledger, objects, env }: Parts,
): Promise<boolean> {
  const head = await objects.head(env.LAKE_BUCKET, finding.key);
  if (finding.kind === 'catalog_changed') return true;
  if (finding.kind === 'catalog_missing') return head === undefined && (await isDue(finding.key, assets, ledger));
  if (finding.kind === 'object_unregistered') return head !== undefined && !(await isAccountedFor(finding.key, ledger));
  if ((await ledger.getAsset(finding.asset_id)) === undefined) return false; // Removed meanwhile.
  return finding.kind === 'object_changed' ? head !== undefined && head.size !== finding.expected : head === undefined;
}

/** Whether a run that is over has put a version into the document; one that is under way is about to write it. */
async function isDue(key: string, assets: readonly AssetDocument[], ledger: Parts['ledger']): Promise<boolean> {
  for (const { stac_key, dataset_id, s3_key } of assets.toReversed()) {
    if (stac_key === null || (key !== ROOT_KEY && key !== collectionKey(dataset_id))) continue;
    const run = await ledger.getRun(runIdOfAssetKey(s3_key));
    if (run !== undefined && isArchived(run)) return true;
  }
  return false;
}

/** Registered since, of a run that may still register or delete it, or of a removed version that is about to be deleted. */
async function isAccountedFor(key: string, ledger: Parts['ledger']): Promise<boolean> {
  if ((await ledger.findAssetByKey(describedAssetKey(key))) !== undefined) return true;
  const [dataset_id = '', second = ''] = key.split('/');
  const runs = RUN_ID.test(second)
    ? [await ledger.getRun(second)]
    : await ledger.listRuns({ dataset_id, archived: false, limit: 1 });
  if (runs.some((run) => run !== undefined && !isArchived(run))) return true;
  return (await ledger.listRemovals({ dataset_id })).some((asset) =>
    [asset.s3_key, isoKey(asset.s3_key), itemKey(dataset_id, asset.version)].includes(key),
  );
}

const RUN_ID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** What the bytes and the metadata of an object say against its asset; nothing when it is gone, which is another finding. */
async function contentFindings(asset: AssetDocument, { objects, env }: Parts, signal: AbortSignal): Promise<Finding[]> {
  signal.throwIfAborted();
  const key = asset.s3_key;
  const head = await objects.head(env.LAKE_BUCKET, key);
  if (head === undefined) return [];
  const { sha256 } = await digest(await objects.read(env.LAKE_BUCKET, key, { signal }), signal);
  const facts: [field: string, expected: string, found: string | undefined][] = [
    ['content_hash', asset.content_hash, sha256],
    ...Object.entries({ mongodb_doc_id: asset._id, run_id: asset.run_id, content_hash: asset.content_hash }).map(
      ([name, expected]): [string, string, string | undefined] => [`metadata.${name}`, expected, head.metadata[name]],
    ),
  ];
  return facts
    .filter(([, expected, found]) => expected !== found)
    .map(([field, expected, found]) => ({
      kind: 'object_changed',
      key,
      ...named(asset),
      field,
      expected,
      found: found ?? null,
    }));
}
