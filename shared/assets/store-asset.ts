import { ASSET_MEDIA_TYPE } from '#shared/contracts/media-types.ts';
import { createHash } from 'node:crypto';
import { SLUICE_VERSION } from '#shared/config/version.ts';
import type { DataTime, SourceFile } from '#shared/contracts/shared-schemas.ts';
import { assetKeyPrefix } from '#shared/contracts/object-keys.ts';
import { deterministicObjectId } from '#shared/events/event.ts';
import type { AssetDocument, AssetDraft, LineageDocument, RunDocument } from '#shared/ledger/documents.ts';
import { dataTimeOf, type Manifest } from '#shared/manifest/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Claim } from '#shared/runtime/with-claim.ts';
import type { ObjectHead } from '#shared/storage/object-store.ts';

// shared/assets: assets as objects of the lake: store and register, reuse, remove. shared/catalog writes the documents
// about them.

/**
 * Deletes objects that earlier attempts of this step uploaded to a dataset (by default the one of the run) and did not
 * register.
 */
export async function deleteObjectsOfEarlierAttempts(
  claim: Claim,
  { objects, ledger, env }: Context,
  datasetId = claim.run.dataset_id,
): Promise<void> {
  if (claim.attempt <= 1) return;
  const prefix = assetKeyPrefix({ dataset_id: datasetId, run_id: claim.runId });
  for await (const { key } of objects.list(env.LAKE_BUCKET, prefix)) {
    if ((await ledger.findAssetByKey(key)) === undefined) await objects.delete(env.LAKE_BUCKET, key);
  }
}

/**
 * Uploads a file and registers it as an asset, with the version of Sluice and the time that the manifest declares. The
 * object is deleted if it is not registered: the claim became stale, or an earlier attempt registered the asset with
 * another object. Throws CLAIM_STALE, UPLOAD_CORRUPT.
 */
export async function storeAsset(
  path: string,
  unstamped: AssetDraft,
  claim: Claim,
  { objects, ledger, env, log }: Context,
): Promise<AssetDocument> {
  const declared = declaredTime(claim.run);
  const draft: AssetDraft = {
    ...unstamped,
    software: { Sluice: SLUICE_VERSION, ...unstamped.software },
    ...(declared === undefined ? {} : { data_time: declared }),
  };
  const deleteObject = () => objects.delete(env.LAKE_BUCKET, draft.s3_key);
  await objects
    .upload(env.LAKE_BUCKET, draft.s3_key, path, {
      contentType: ASSET_MEDIA_TYPE[draft.kind],
      // `mongodb_doc_id` is the _id of the ledger document, with a ledger in PostgreSQL, too.
      metadata: { mongodb_doc_id: draft._id, run_id: draft.run_id, content_hash: draft.content_hash },
      sha256: draft.content_hash,
      signal: claim.signal,
    })
    .catch(async (thrown: unknown) => {
      // The store may have completed an aborted request, and the archive step of the ended run may have looked for such
      // objects before.
      await deleteObject().catch(() => undefined);
      throw thrown;
    });
  const asset = await ledger.registerAsset(claim, draft).catch(async (thrown: unknown) => {
    if ((thrown as { code?: string }).code === 'CLAIM_STALE') await deleteObject();
    throw thrown;
  });
  if (asset.s3_key !== draft.s3_key) await deleteObject();
  const { _id: asset_id, dataset_id, version, row_count, size_bytes } = asset;
  log.info({ run_id: claim.runId, asset_id, dataset_id, version, row_count, size_bytes }, 'Asset:Register:Done');
  return asset;
}

/** The time of the data in the manifest; it replaces the one in a file. */
function declaredTime({ manifest }: Pick<RunDocument, 'manifest'>): DataTime | undefined {
  const { time } = manifest.metadata;
  return time === undefined ? undefined : dataTimeOf(time);
}

/**
 * An asset that makes the computation unnecessary. It is the one that an earlier attempt of this step registered, even
 * if it was removed since, because a version is never registered twice. Otherwise it is a complete asset of the same
 * source, which is then linked to the run (`reused`). With `force` in the manifest, no asset is reused. `sources` and
 * `parents` are those of this run. If their names differ from those of the existing asset, lineage edges from them
 * are added. Undefined if there is no such asset, or if its object is missing or is not the registered one. Throws
 * CLAIM_STALE.
 */
export async function findExistingAsset(
  claim: Claim,
  wanted: Pick<AssetDraft, '_id' | 'dataset_id' | 'source_hash'> & Partial<Pick<AssetDraft, 'sources' | 'parents'>>,
  { ledger, objects, env }: Context,
): Promise<{ assetId: string; reused: boolean } | undefined> {
  const own =
    claim.attempt > 1 ? ((await ledger.getAsset(wanted._id)) ?? (await ledger.getRemovedAsset(wanted._id))) : undefined;
  if (own !== undefined) return { assetId: own._id, reused: false };
  if (claim.run.manifest.metadata.force === true) return undefined;
  const same = await ledger.findAssetBySource(wanted.dataset_id, wanted.source_hash);
  if (same === undefined || !hasDeclaredTime(same, claim.run)) return undefined;
  if (!isRegistered(await objects.head(env.LAKE_BUCKET, same.s3_key), same)) return undefined;
  try {
    await ledger.linkAsset(claim, same._id);
  } catch (thrown) {
    // The retention rule removed the asset after findAssetBySource.
    if ((thrown as { code?: string }).code === 'ASSET_NOT_FOUND') return undefined;
    throw thrown;
  }
  const { sources = [], parents = [] } = wanted;
  await ledger.insertLineage(claim, lineageEdges({ ...same, sources, parents }, claim.run));
  return { assetId: same._id, reused: true };
}

/** False for an asset with the time of another manifest, which the catalog would show for the input of this run. */
function hasDeclaredTime({ data_time }: AssetDocument, run: RunDocument): boolean {
  const declared = declaredTime(run);
  if (declared === undefined) return data_time?.source !== 'manifest';
  return data_time?.source === 'manifest' && data_time.start === declared.start && data_time.end === declared.end;
}

/** Compares what HEAD returns, without reading the object: another program may have replaced it. */
function isRegistered(head: ObjectHead | undefined, { size_bytes, content_hash }: AssetDocument): boolean {
  return head !== undefined && head.size === size_bytes && head.metadata.content_hash === content_hash;
}

/**
 * The lineage of an asset: one edge from each file and each asset that it was made from. The id of an edge depends on
 * asset and source only, so that a repeat, or another run of the same files, inserts no second edge.
 */
export function lineageEdges(
  asset: Pick<AssetDocument, '_id' | 'recipe' | 'software' | 'sources' | 'parents'>,
  run: Pick<RunDocument, 'run_id' | 'manifest'>,
): LineageDocument[] {
  const common = {
    asset_id: asset._id,
    operation: run.manifest.intent,
    recipe: asset.recipe.name,
    parameters: asset.recipe.parameters,
    ...(asset.software === undefined ? {} : { software: asset.software }),
    run_id: run.run_id,
    created_at: new Date().toISOString(),
  };
  const files = asset.sources.map(({ path, sha256 }): LineageDocument => ({
    _id: deterministicObjectId('lineage', asset._id, path, sha256),
    ...common,
    source: { kind: 'file', path, sha256 },
  }));
  const assets = (asset.parents ?? []).map((parent): LineageDocument => ({
    _id: deterministicObjectId('lineage', asset._id, parent),
    ...common,
    source: { kind: 'asset', asset_id: parent },
  }));
  return [...files, ...assets];
}

/**
 * SHA-256 over everything that determines the content of an asset: the bytes of the files, the fields of the manifest
 * that control how they are read, and `treatment` (recipe, parameters, version of the exporter). Names of files do not
 * count. Their order counts only with `ordered`. Equal hashes mean that an existing asset can be reused.
 */
export function sourceHashOf(
  manifest: Pick<Manifest, 'files'>,
  files: readonly Pick<SourceFile, 'path' | 'sha256' | 'layer'>[],
  treatment: readonly unknown[],
  options: { ordered?: boolean } = {},
): string {
  const declared = new Map(manifest.files.map(({ path, ...fields }) => [path, sortedEntries(fields)]));
  const read = files.map((file) => JSON.stringify([file.sha256, file.layer, declared.get(file.path) ?? null]));
  return createHash('sha256')
    .update(JSON.stringify([options.ordered ? read : read.sort(), treatment]))
    .digest('hex');
}

/**
 * The fields of an object and of its nested objects, sorted by name, so that their order does not change a hash.
 * Undefined fields are omitted.
 */
export function sortedEntries(fields: object): [string, unknown][] {
  const given = Object.entries(fields).filter(([, value]) => value !== undefined);
  return given.sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => [name, sortedValue(value)]);
}

function sortedValue(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortedValue);
  return typeof value === 'object' && value !== null ? sortedEntries(value) : value;
}
