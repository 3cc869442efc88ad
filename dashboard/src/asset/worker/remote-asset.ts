import type { AssetView } from '../../../../shared/api/views.ts';
import type { RemoteFile } from './ranged-file.ts';

/** The object of an asset, through the gateway. */
export function remoteFile({ id, content_hash, size_bytes }: AssetView): RemoteFile {
  const url = new URL(`/api/assets/${encodeURIComponent(id)}/download`, window.location.href).href;
  return { url, size: size_bytes, etag: `"${content_hash}"` };
}
