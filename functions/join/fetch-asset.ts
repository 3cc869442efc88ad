import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { AssetDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { assetLabel } from './find-assets.ts';

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
