import { publicUrl } from '#shared/config/env.ts';
import { openLineageKey } from '#shared/contracts/object-keys.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { AssetDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { trimEndOf } from '#shared/text/trim-end.ts';
import { openLineageEvents, type OpenLineageEvent } from './openlineage.ts';

/** Longest wait for the lineage server, so that a slow server does not delay the archive step. */
const POST_TIMEOUT_MS = 5_000;
/** Path of the lineage endpoint, relative to OPENLINEAGE_URL. */
const ENDPOINT = 'api/v1/lineage';

/**
 * Writes the OpenLineage events of an ended run to the lake, one JSON document per line, and posts them to
 * OPENLINEAGE_URL if it is set. If the server fails, a warning is logged and the events stay in the lake. Throws
 * STORE_UNAVAILABLE.
 */
export async function writeOpenLineage(
  run: RunDocument,
  { ledger, objects, env, log }: Pick<Context, 'ledger' | 'objects' | 'env' | 'log'>,
): Promise<void> {
  const assets = await getInOrder(run.asset_ids, ledger);
  const parents = await getInOrder([...new Set(assets.flatMap((asset) => asset.parents ?? []))], ledger);
  const events = openLineageEvents(run, {
    namespace: env.OPENLINEAGE_NAMESPACE,
    producer: publicUrl(env),
    lakeBucket: env.LAKE_BUCKET,
    assets,
    parents,
  });
  await objects.put(
    env.LAKE_BUCKET,
    openLineageKey(run.run_id),
    events.map((event) => `${JSON.stringify(event)}\n`).join(''),
    { contentType: 'application/x-ndjson' },
  );
  if (env.OPENLINEAGE_URL === undefined) return;
  const url = new URL(ENDPOINT, `${trimEndOf(env.OPENLINEAGE_URL, '/')}/`);
  try {
    for (const event of events) await post(url, event, env.OPENLINEAGE_API_KEY);
  } catch (thrown) {
    log.warn(
      { run_id: run.run_id, url: url.href, error: asSluiceError(thrown).toDocument() },
      'OpenLineage:Post:Failed',
    );
  }
}

/** The assets of the ids, in that order, so that a repeat writes the same events. Removed assets are omitted. */
async function getInOrder(ids: readonly string[], ledger: Context['ledger']): Promise<AssetDocument[]> {
  const byId = new Map((await ledger.getAssets(ids)).map((asset) => [asset._id, asset]));
  return ids.map((id) => byId.get(id)).filter((asset) => asset !== undefined);
}

async function post(url: URL, event: OpenLineageEvent, apiKey: string | undefined): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    body: JSON.stringify(event),
    signal: AbortSignal.timeout(POST_TIMEOUT_MS),
    headers: {
      'content-type': 'application/json',
      ...(apiKey === undefined ? {} : { authorization: `Bearer ${apiKey}` }),
    },
  });
  await response.body?.cancel();
  if (!response.ok)
    throw new SluiceError('REQUEST_INVALID', `The lineage server answered with status ${response.status}.`, {
      details: { status: response.status },
    });
}
