import { JOINABLE_KINDS } from '#shared/contracts/join-keys.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { DATASET_PREFIX, type JoinConfig } from '#shared/manifest/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';

export interface JoinAssets {
  /** A spatial or joined asset. */
  spatial: AssetDocument;
  tabular: AssetDocument;
}

const KINDS = {
  spatial_asset_id: JOINABLE_KINDS.spatial,
  tabular_asset_id: JOINABLE_KINDS.tabular,
} as const satisfies Record<string, readonly AssetDocument['kind'][]>;
type Field = keyof typeof KINDS;

/** The newest versions can belong to runs that have not ended. A dataset never has more such runs than this. */
const NEWEST_VERSIONS = 100;

/** The assets of a join_config. Throws ASSET_NOT_FOUND or ASSET_KIND_MISMATCH, with the field. */
export async function findAssets(
  config: JoinConfig,
  ledger: Pick<Ledger, 'getAsset' | 'listAssets'>,
): Promise<JoinAssets> {
  const [spatial, tabular] = await Promise.all([
    findAsset('spatial_asset_id', config, ledger),
    findAsset('tabular_asset_id', config, ledger),
  ]);
  return { spatial, tabular };
}

async function findAsset(
  field: Field,
  config: JoinConfig,
  ledger: Pick<Ledger, 'getAsset' | 'listAssets'>,
): Promise<AssetDocument> {
  const reference = config[field];
  const kinds: readonly AssetDocument['kind'][] = KINDS[field];
  const named = reference.startsWith(DATASET_PREFIX)
    ? await newestOf(reference.slice(DATASET_PREFIX.length), kinds, ledger)
    : await ledger.getAsset(reference);
  // An asset without a STAC item belongs to a run that has not ended. If the run fails, the asset is deleted.
  if (named === undefined || named.stac_key === null) throw notFound(field, reference);
  if (!kinds.includes(named.kind)) {
    throw new SluiceError(
      'ASSET_KIND_MISMATCH',
      `metadata.join_config.${field}: ${assetLabel(named)} is a ${named.kind} asset. ` +
        `This field requires a ${kinds.join(' or ')} asset.`,
      { details: { field: `metadata.join_config.${field}`, asset_id: named._id, kind: named.kind, kinds } },
    );
  }
  return named;
}

/** The newest version with one of the kinds; without one, the newest version, for the error message. */
async function newestOf(
  datasetId: string,
  kinds: readonly AssetDocument['kind'][],
  ledger: Pick<Ledger, 'listAssets'>,
): Promise<AssetDocument | undefined> {
  const complete = (await ledger.listAssets({ dataset_id: datasetId, limit: NEWEST_VERSIONS })).filter(
    (asset) => asset.stac_key !== null,
  );
  return complete.find(({ kind }) => kinds.includes(kind)) ?? complete[0];
}

function notFound(field: Field, reference: string): SluiceError {
  const problem = reference.startsWith(DATASET_PREFIX)
    ? `the dataset ${JSON.stringify(reference.slice(DATASET_PREFIX.length))} has no assets`
    : `the asset ${JSON.stringify(reference)} does not exist`;
  return new SluiceError(
    'ASSET_NOT_FOUND',
    `metadata.join_config.${field}: ${problem}. ` +
      `Use the id of an asset, or \`${DATASET_PREFIX}NAME\` for the newest version of a dataset.`,
    { details: { field: `metadata.join_config.${field}`, reference } },
  );
}

/** The text that identifies an asset in messages. */
export function assetLabel(asset: Pick<AssetDocument, '_id' | 'dataset_id' | 'version'>): string {
  return `${asset.dataset_id}, version ${asset.version} (${asset._id})`;
}

/** Downloads the object of an asset to `path` and compares its hash with the ledger. Throws ASSET_CHANGED. */
export async function fetchAsset(
  asset: AssetDocument,
  path: string,
  { objects, env }: Pick<Context, 'objects' | 'env'>,
  signal: AbortSignal,
): Promise<void> {
  const found = await objects
    .download(env.LAKE_BUCKET, asset.s3_key, path, { maxBytes: asset.size_bytes, signal })
    .catch((thrown: unknown) => {
      const error = asSluiceError(thrown);
      if (error.code === 'FILE_MISSING') throw changed(asset, 'is not in the lake');
      if (error.code === 'FILE_TOO_LARGE')
        throw changed(asset, `is larger than the ${asset.size_bytes} bytes in the ledger`);
      throw error;
    });
  if (found.sha256 !== asset.content_hash)
    throw changed(asset, `has the hash ${found.sha256}, but ${asset.content_hash} is in the ledger`);
}

function changed(asset: AssetDocument, problem: string): SluiceError {
  return new SluiceError('ASSET_CHANGED', `The object ${asset.s3_key} of ${assetLabel(asset)} ${problem}.`, {
    details: { asset_id: asset._id, s3_key: asset.s3_key },
  });
}
