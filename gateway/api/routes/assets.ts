import { extname } from 'node:path/posix';
import { Readable } from 'node:stream';
import { type Context, Hono } from 'hono';
import { z } from 'zod';
import { ASSET_MEDIA_TYPE } from '#shared/contracts/media-types.ts';
import { assetDetailView, assetView, datasetView } from '#shared/api/create-views.ts';
import { lineageGraph } from '#shared/api/lineage-graph.ts';
import type { RetentionView } from '#shared/api/views.ts';
import { deleteRemovedAssets, setRetention } from '#shared/assets/remove-assets.ts';
import { publicUrl } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type AssetDocument, ObjectIdSchema } from '#shared/ledger/documents.ts';
import { DATASET_ID, KeepVersionsSchema } from '#shared/manifest/manifest.ts';
import type { GatewayDeps } from '../deps.ts';
import { attachment, matchesTag, parseRange, TransferLimit } from '../http/transfers.ts';
import { errorResponse } from '../http/error-response.ts';
import { noQuery, operatorOf, PAGE, parseQuery, readJson } from '../http/request-fields.ts';

const AssetsQuery = z.strictObject({ ...PAGE, dataset_id: z.string().optional() });

/**
 * Assets. An unknown id is 404 ASSET_NOT_FOUND.
 *
 * GET /api/assets?dataset_id&limit&offset returns AssetView[], newest first.
 * GET /api/assets/:id returns an AssetDetailView.
 * GET /api/assets/:id/download returns the object with Content-Length, an ETag (its SHA-256) and a file name, and
 * supports ranges and HEAD. Above MAX_DOWNLOADS concurrent downloads, it is 503 with Retry-After.
 * GET /api/assets/:id/lineage returns the LineageGraph, even of a removed asset.
 */
export function assetRoutes(deps: GatewayDeps): Hono {
  const { ledger, env } = deps;
  const baseUrl = publicUrl(env);
  const downloads = new TransferLimit('downloads', env.MAX_DOWNLOADS);
  const isId = (id: string) => ObjectIdSchema.safeParse(id).success;
  const findAsset = async (id: string) => (isId(id) ? await ledger.getAsset(id) : undefined) ?? unknownAsset(id);
  const findGraph = async (id: string) => (isId(id) ? await lineageGraph(id, ledger) : undefined) ?? unknownAsset(id);
  return new Hono()
    .get('/api/assets', async (c) =>
      c.json((await ledger.listAssets(parseQuery(AssetsQuery, c))).map((asset) => assetView(asset, baseUrl))),
    )
    .get('/api/assets/:id', noQuery, async (c) => c.json(assetDetailView(await findAsset(c.req.param('id')), baseUrl)))
    .get('/api/assets/:id/download', async (c) => {
      const asset = await findAsset(c.req.param('id'));
      const open = (range: ByteRange) =>
        downloads.untilClosed(() => openObject(deps, asset, { ...range, signal: c.req.raw.signal }));
      return download(c, asset, open);
    })
    .get('/api/assets/:id/lineage', noQuery, async (c) => c.json(await findGraph(c.req.param('id'))));
}

function unknownAsset(id: string): never {
  throw new SluiceError('ASSET_NOT_FOUND', `Asset ${id} does not exist.`, { details: { asset_id: id } });
}

/** First and last byte. The whole object by default. */
interface ByteRange {
  start?: number;
  end?: number;
}

/**
 * An asset never changes, so its hash is the strong validator that ranges and caches need (RFC 9110, sections 8.8 and
 * 13).
 */
async function download(
  c: Context,
  asset: AssetDocument,
  open: (range: ByteRange) => Promise<Readable>,
): Promise<Response> {
  const extension = extname(asset.s3_key);
  const size = asset.size_bytes;
  const etag = `"${asset.content_hash}"`;
  const cacheHeaders = { etag, 'accept-ranges': 'bytes', 'cache-control': 'private, no-cache' };
  if (matchesTag(c.req.header('if-none-match'), etag))
    return new Response(null, { status: 304, headers: cacheHeaders });

  let range;
  try {
    range = requestedRange(c, etag, size);
  } catch (thrown) {
    const response = errorResponse(thrown);
    response.headers.set('content-range', `bytes */${size}`);
    return response;
  }
  const headers = {
    ...cacheHeaders,
    'content-type': ASSET_MEDIA_TYPE[asset.kind],
    'content-disposition': attachment(`${asset.dataset_id}-v${asset.version}${extension}`),
    'content-length': String(range ? range.end - range.start + 1 : size),
    ...(range ? { 'content-range': `bytes ${range.start}-${range.end}/${size}` } : {}),
  };
  const status = range ? 206 : 200;
  if (c.req.method === 'HEAD') return new Response(null, { status, headers });
  const stream = await open(range ?? {});
  return new Response(Readable.toWeb(stream) as ReadableStream, { status, headers });
}

/** The requested range, unless If-Range names another version of the object. Throws RANGE_INVALID. */
function requestedRange(c: Context, etag: string, size: number) {
  const ifRange = c.req.header('if-range');
  return ifRange === undefined || ifRange === etag ? parseRange(c.req.header('range'), size) : undefined;
}

async function openObject(
  { transfers, env }: GatewayDeps,
  { _id, s3_key }: AssetDocument,
  options: { start?: number; end?: number; signal: AbortSignal },
): Promise<Readable> {
  try {
    return await transfers.read(env.LAKE_BUCKET, s3_key, options);
  } catch (thrown) {
    if ((thrown as { code?: string }).code !== 'FILE_MISSING') throw thrown;
    throw new SluiceError(
      'ASSET_NOT_FOUND',
      `The object of asset ${_id} is missing in the lake. Restore it, or rerun its run with --force.`,
      { cause: thrown, details: { asset_id: _id, s3_key } },
    );
  }
}

const RetentionBody = z.strictObject({ keep_versions: KeepVersionsSchema.nullable() });

/**
 * Datasets. An unknown id is 404 DATASET_NOT_FOUND.
 *
 * GET /api/datasets returns DatasetView[].
 * GET /api/datasets/:id returns a DatasetView.
 * PUT /api/datasets/:id/retention `{keep_versions}` sets how many of the newest versions are kept (null: all), removes
 * the other versions immediately, and returns a RetentionView.
 */
export function datasetRoutes(deps: Pick<GatewayDeps, 'ledger' | 'objects' | 'env' | 'log'>): Hono {
  const { ledger } = deps;
  const findDataset = async (id: string) => {
    const dataset = DATASET_ID.safeParse(id).success ? await ledger.getDataset(id) : undefined;
    if (dataset === undefined)
      throw new SluiceError('DATASET_NOT_FOUND', `Dataset ${JSON.stringify(id)} does not exist.`, {
        details: { dataset_id: id },
      });
    return dataset;
  };
  return new Hono()
    .get('/api/datasets', noQuery, async (c) => c.json((await ledger.listDatasets()).map(datasetView)))
    .get('/api/datasets/:id', noQuery, async (c) => c.json(datasetView(await findDataset(c.req.param('id')))))
    .put('/api/datasets/:id/retention', noQuery, async (c) => {
      const { keep_versions } = await readJson(c.req.raw, RetentionBody);
      const { dataset_id } = await findDataset(c.req.param('id'));
      const rule = { keep_versions, decided_at: new Date().toISOString(), operator: operatorOf(c) };
      const dataset = await setRetention(dataset_id, rule, deps);
      // After a crash from here on, the next run of the dataset or a repeated request completes the removal.
      const removed = await ledger.removeOldVersions(dataset_id);
      await deleteRemovedAssets(deps, dataset_id);
      const removed_versions = removed.map(({ version }) => version).sort((a, b) => a - b);
      return c.json({ ...datasetView(dataset), removed_versions } satisfies RetentionView);
    });
}
