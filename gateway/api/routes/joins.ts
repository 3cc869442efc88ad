import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { z } from 'zod';
import { joinSourceDetailView, joinSourceView } from '#shared/api/create-views.ts';
import type { JoinPreviewView, JoinSourcesView } from '#shared/api/views.ts';
import { JOINABLE_KINDS, type JoinSide } from '#shared/contracts/join-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { joinPreviewRequested, parseJoinPreview } from '#shared/events/inspection.ts';
import { type AssetDocument, ObjectIdSchema } from '#shared/ledger/documents.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { type JoinConfig, JoinConfigSchema } from '#shared/manifest/manifest.ts';
import { MAX_INSPECTIONS } from '#shared/runtime/inspection.ts';
import type { GatewayDeps } from '../deps.ts';
import { callInspection } from '../http/call-inspection.ts';
import { noQuery, parseQuery, readJson } from '../http/request-fields.ts';
import { TransferLimit } from '../http/transfers.ts';

/** Sources of a list. A user finds the others by their names. */
const MAX_SOURCES = 50;
/** Datasets whose assets are read for one list, and how many at the same time. */
const MAX_EXAMINED = 500;
const EXAMINED_AT_ONCE = 50;
/** The newest versions can belong to runs that have not ended. */
const NEWEST_VERSIONS = 3;
/** A join_config can list 1,600 columns. */
const MAX_PREVIEW_BYTES = 2 ** 20;

const SIDES = Object.keys(JOINABLE_KINDS) as [JoinSide, ...JoinSide[]];
const SourcesQuery = z.strictObject({ side: z.enum(SIDES), text: z.string().max(128).default('') });
const PreviewBody = z.strictObject({ join_config: JoinConfigSchema });

/**
 * What a person chooses and sees before a join is started with POST /api/batches (intent join_datasets).
 *
 * GET /api/joins/sources?side&text returns a JoinSourcesView: for each dataset with `text` in its name, the newest
 * complete version that can be the `spatial` or `tabular` side of a join.
 * GET /api/joins/sources/:id returns a JoinSourceDetailView of an asset. An unknown id is 404 ASSET_NOT_FOUND.
 * POST /api/joins/preview `{join_config}` returns a JoinPreviewView. The function `join` compares the keys as in a run,
 * without a run, and stores nothing. Its errors are those of the run, with status 422.
 */
export function joinRoutes(deps: Pick<GatewayDeps, 'ledger' | 'caller' | 'deployments'>): Hono {
  const previews = new TransferLimit('previews of joins', MAX_INSPECTIONS);
  return new Hono()
    .get('/api/joins/sources', async (c) => c.json(await listSources(parseQuery(SourcesQuery, c), deps.ledger)))
    .get('/api/joins/sources/:id', noQuery, async (c) =>
      c.json(joinSourceDetailView(await findComplete(c.req.param('id'), deps.ledger))),
    )
    .post('/api/joins/preview', noQuery, async (c) => {
      const { join_config } = await readJson(c.req.raw, PreviewBody, MAX_PREVIEW_BYTES);
      return c.json(await previews.during(() => preview(join_config, c.req.raw.signal, deps)));
    });
}

async function listSources(
  { side, text }: z.output<typeof SourcesQuery>,
  ledger: Pick<Ledger, 'listDatasets' | 'listAssets'>,
): Promise<JoinSourcesView> {
  const wanted = text.toLowerCase();
  const datasets = (await ledger.listDatasets({ withCompleteAsset: true }))
    .map(({ dataset_id }) => dataset_id)
    .filter((id) => id.toLowerCase().includes(wanted));
  const examined = datasets.slice(0, MAX_EXAMINED);
  const found: AssetDocument[] = [];
  while (examined.length > 0 && found.length <= MAX_SOURCES) {
    const newest = examined.splice(0, EXAMINED_AT_ONCE).map((id) => newestOf(id, side, ledger));
    found.push(...(await Promise.all(newest)).filter((asset) => asset !== undefined));
  }
  return {
    sources: found.slice(0, MAX_SOURCES).map(joinSourceView),
    is_complete: found.length <= MAX_SOURCES && datasets.length <= MAX_EXAMINED,
  };
}

async function newestOf(
  dataset_id: string,
  side: JoinSide,
  ledger: Pick<Ledger, 'listAssets'>,
): Promise<AssetDocument | undefined> {
  const kinds: readonly AssetDocument['kind'][] = JOINABLE_KINDS[side];
  const newest = await ledger.listAssets({ dataset_id, limit: NEWEST_VERSIONS });
  return newest.find(({ stac_key, kind }) => stac_key !== null && kinds.includes(kind));
}

/** An asset without a STAC item belongs to a run that has not ended. */
async function findComplete(id: string, ledger: Pick<Ledger, 'getAsset'>): Promise<AssetDocument> {
  const asset = ObjectIdSchema.safeParse(id).success ? await ledger.getAsset(id) : undefined;
  if (asset !== undefined && asset.stac_key !== null) return asset;
  throw new SluiceError('ASSET_NOT_FOUND', `Asset ${id} does not exist.`, { details: { asset_id: id } });
}

async function preview(
  join_config: JoinConfig,
  signal: AbortSignal,
  deps: Pick<GatewayDeps, 'caller' | 'deployments'>,
): Promise<JoinPreviewView> {
  const assets = `${join_config.spatial_asset_id} ${join_config.tabular_asset_id}`;
  const event = joinPreviewRequested(assets, { join_config }, randomUUID());
  return parseJoinPreview(await callInspection('join', event, signal, deps));
}
