import { Readable } from 'node:stream';
import { extname } from 'node:path/posix';
import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { publicUrl } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type AssetDocument, ObjectIdSchema } from '#shared/ledger/documents.ts';
import type { GatewayDeps } from '../deps.ts';
import { attachment } from '../http/content-disposition.ts';
import { errorResponse } from '../http/error-response.ts';
import { parseRange } from '../http/range.ts';
import { lineageGraph } from '#shared/api/lineage-graph.ts';
import { assetDetailView, assetView } from '#shared/api/views.ts';
import { noQuery, PAGE, parseQuery } from '../http/request-fields.ts';

const AssetsQuery = z.strictObject({ ...PAGE, dataset_id: z.string().optional() });

/**
 * GET /api/assets?dataset_id&limit&offset: AssetView[], newest first. GET /api/assets/:id: AssetDetailView; 404 ASSET_NOT_FOUND.
 * GET or HEAD /api/assets/:id/download: the object itself, with Content-Length, ETag (its SHA-256), a file name, and ranges.
 * GET /api/assets/:id/lineage: LineageGraph, up to the files and down to all that was made from it; also of an asset that was removed.
 */
export function assetRoutes(deps: GatewayDeps): Hono {
  const { ledger, env } = deps;
  const baseUrl = publicUrl(env);
  const findAsset = async (id: string) => {
    const asset = ObjectIdSchema.safeParse(id).success ? await ledger.getAsset(id) : undefined;
    return asset ?? unknownAsset(id);
  };
  const findGraph = async (id: string) =>
    (ObjectIdSchema.safeParse(id).success ? await lineageGraph(id, ledger) : undefined) ?? unknownAsset(id);
  return new Hono()
    .get('/api/assets', async (c) =>
      c.json((await ledger.listAssets(parseQuery(AssetsQuery, c))).map((asset) => assetView(asset, baseUrl))),
    )
    .get('/api/assets/:id', noQuery, async (c) => c.json(assetDetailView(await findAsset(c.req.param('id')), baseUrl)))
    .get('/api/assets/:id/download', async (c) => download(c, deps, await findAsset(c.req.param('id'))))
    .get('/api/assets/:id/lineage', noQuery, async (c) => c.json(await findGraph(c.req.param('id'))));
}

function unknownAsset(id: string): never {
  throw new SluiceError('ASSET_NOT_FOUND', `There is no asset ${id}.`, { details: { asset_id: id } });
}

const CONTENT_TYPES: Record<string, string> = {
  '.parquet': 'application/vnd.apache.parquet',
  '.tif': 'image/tiff; application=geotiff; profile=cloud-optimized',
};

/** An asset never changes, so its hash is the strong validator that ranges and caches need (RFC 9110, sections 8.8 and 13). */
async function download(c: Context, { objects, env }: GatewayDeps, asset: AssetDocument): Promise<Response> {
  const extension = extname(asset.s3_key);
  const etag = `"${asset.content_hash}"`;
  const size = asset.size_bytes;
  const headers = { etag, 'accept-ranges': 'bytes', 'cache-control': 'private, no-cache' };
  if (namesTag(c.req.header('if-none-match'), etag)) return new Response(null, { status: 304, headers });

  const ifRange = c.req.header('if-range');
  let range;
  try {
    range = ifRange === undefined || ifRange === etag ? parseRange(c.req.header('range'), size) : undefined;
  } catch (thrown) {
    const refused = errorResponse(thrown);
    refused.headers.set('content-range', `bytes */${size}`);
    return refused;
  }
  const described = {
    ...headers,
    'content-type': CONTENT_TYPES[extension] ?? 'application/octet-stream',
    'content-disposition': attachment(`${asset.dataset_id}-v${asset.version}${extension}`),
    'content-length': String(range ? range.end - range.start + 1 : size),
    ...(range ? { 'content-range': `bytes ${range.start}-${range.end}/${size}` } : {}),
  };
  const status = range ? 206 : 200;
  if (c.req.method === 'HEAD') return new Response(null, { status, headers: described });
  const stream = await objects
    .read(env.LAKE_BUCKET, asset.s3_key, { ...range, signal: c.req.raw.signal })
    .catch((thrown: unknown) => {
      throw (thrown as { code?: string }).code === 'FILE_MISSING' ? objectGone(asset) : thrown;
    });
  return new Response(Readable.toWeb(stream) as ReadableStream, { status, headers: described });
}

function objectGone({ _id, s3_key }: AssetDocument): SluiceError {
  return new SluiceError(
    'ASSET_NOT_FOUND',
    `The object of asset ${_id} is gone from the lake. Restore it, or rerun its run with --force.`,
    { details: { asset_id: _id, s3_key } },
  );
}

/** True when an If-None-Match header names the tag; weak tags count, as section 13.1.2 says. */
function namesTag(header: string | undefined, etag: string): boolean {
  return (header ?? '').split(',').some((tag) => tag.trim() === '*' || tag.trim().replace(/^W\//, '') === etag);
}
