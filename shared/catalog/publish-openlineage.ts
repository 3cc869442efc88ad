import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { openLineageEvents, type OpenLineageEvent } from './openlineage.ts';
import { openLineageKey } from '#shared/contracts/object-keys.ts';

/** A lineage server that is slow must not hold up the end of runs. */
const POST_TIMEOUT_MS = 5_000;
/** Where OpenLineage servers take events, below OPENLINEAGE_URL. */
const ENDPOINT = 'api/v1/lineage';

/**
 * Writes the OpenLineage events of an ended run to the lake, one JSON document a line, and posts them when OPENLINEAGE_URL is set.
 * A server that does not take them is a warning: the events stay in the lake. Throws STORE_UNAVAILABLE.
 */
export async function publishOpenLineage(
  run: RunDocument,
  { ledger, objects, env, log }: Pick<Context, 'ledger' | 'objects' | 'env' | 'log'>,
): Promise<void> {
  const assets = await getAll(run.asset_ids, ledger);
  const parents = await getAll([...new Set(assets.flatMap((asset) => asset.parents ?? []))], ledger);
  const events = openLineageEvents(run, {
    namespace: env.OPENLINEAGE_NAMESPACE,
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
  const url = new URL(ENDPOINT, `${env.OPENLINEAGE_URL.replace(/\/+$/, '')}/`);
  try {
    for (const event of events) await post(url, event, env.OPENLINEAGE_API_KEY);
  } catch (thrown) {
    log.warn(
      { run_id: run.run_id, url: url.href, error: asSluiceError(thrown).toDocument() },
      'OpenLineage:Post:Failed',
    );
  }
}

async function getAll(ids: string[], ledger: Context['ledger']) {
  return (await Promise.all(ids.map((id) => ledger.getAsset(id)))).filter((asset) => asset !== undefined);
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
    throw new SluiceError('REQUEST_INVALID', `The lineage server answered ${response.status}.`, {
      details: { status: response.status },
    });
}
