import { publicUrl } from '#shared/config/env.ts';
import { openLineageKey } from '#shared/contracts/object-keys.ts';
import type { Status } from '#shared/contracts/statuses.ts';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { AssetDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Context } from '#shared/runtime/context.ts';
import { trimEndOf } from '#shared/text/truncate.ts';

/**
 * A run event of OpenLineage (https://openlineage.io/spec/1-0-5/OpenLineage.json): start or end of a run, with its
 * inputs and outputs. The same run results in equal events, so that a lineage server recognizes a repeat by run id,
 * type and time.
 */
export interface OpenLineageEvent {
  eventType: 'START' | 'COMPLETE' | 'FAIL' | 'ABORT';
  eventTime: string;
  run: { runId: string; facets: Facets };
  job: { namespace: string; name: string; facets: Facets };
  inputs: OpenLineageDataset[];
  outputs: OpenLineageDataset[];
  producer: string;
  schemaURL: string;
}

interface OpenLineageDataset {
  namespace: string;
  name: string;
  facets: Facets;
  outputFacets?: Facets;
}

type Facets = Record<string, unknown>;

const SCHEMA = 'https://openlineage.io/spec/1-0-5/OpenLineage.json#/definitions/RunEvent';
/** Base of the schema URLs of facets. */
const FACET = 'https://openlineage.io/spec/facets';

const END: Record<Exclude<Status, 'running'>, OpenLineageEvent['eventType']> = {
  success: 'COMPLETE',
  failure: 'FAIL',
  canceled: 'ABORT',
};

export interface LineageContext {
  /** Namespace of the jobs in OpenLineage events. */
  namespace: string;
  /** URI of the program that creates the events: the public URL of the gateway. */
  producer: string;
  lakeBucket: string;
  /** Assets that the run created or reused. */
  assets: AssetDocument[];
  /** Assets that they were derived from. */
  parents: AssetDocument[];
}

/** The START event of a run and, if the run has ended, the event of its end. Pure. */
export function openLineageEvents(run: RunDocument, context: LineageContext): OpenLineageEvent[] {
  const inputs = filesOf(run);
  const common = { job: jobOf(run, context), producer: context.producer, schemaURL: SCHEMA };
  const start: OpenLineageEvent = {
    eventType: 'START',
    eventTime: run.created_at,
    run: { runId: run.run_id, facets: {} },
    ...common,
    inputs,
    outputs: [],
  };
  if (run.status === 'running') return [start];
  const end: OpenLineageEvent = {
    eventType: END[run.status],
    eventTime: run.finished_at ?? run.updated_at,
    run: { runId: run.run_id, facets: errorFacets(run, context) },
    ...common,
    inputs: [...inputs, ...context.parents.map((parent) => datasetOf(parent, context))],
    outputs: context.assets.map((asset) => ({
      ...datasetOf(asset, context),
      outputFacets: statisticsFacets(asset, context),
    })),
  };
  return [start, end];
}

function jobOf(run: RunDocument, context: LineageContext): OpenLineageEvent['job'] {
  const jobType = { processingType: 'BATCH', integration: 'SLUICE', jobType: 'RUN' };
  return {
    namespace: context.namespace,
    name: `${run.manifest.intent}.${run.dataset_id}`,
    facets: { jobType: facet(context, '1-1-1/JobTypeJobFacet.json', jobType) },
  };
}

function errorFacets({ error }: RunDocument, context: LineageContext): Facets {
  if (error === null) return {};
  const fields = { message: `${error.code}: ${error.message}`, programmingLanguage: 'TypeScript' };
  return { errorMessage: facet(context, '1-0-1/ErrorMessageRunFacet.json', fields) };
}

function filesOf(run: RunDocument): OpenLineageDataset[] {
  return run.manifest.files.map(({ path }) => {
    const [, bucket = '', key = path] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(path) ?? [];
    return { namespace: `s3://${bucket}`, name: key, facets: {} };
  });
}

function datasetOf(asset: AssetDocument, context: LineageContext): OpenLineageDataset {
  const namespace = `s3://${context.lakeBucket}`;
  const columns = asset.columns.map(({ name, type }) => ({ name, type }));
  return {
    namespace,
    name: asset.s3_key,
    facets: {
      ...(columns.length === 0 ? {} : { schema: facet(context, '1-1-1/SchemaDatasetFacet.json', { fields: columns }) }),
      version: facet(context, '1-0-1/DatasetVersionDatasetFacet.json', { datasetVersion: String(asset.version) }),
      symlinks: facet(context, '1-0-1/SymlinksDatasetFacet.json', {
        identifiers: [{ namespace, name: asset.dataset_id, type: 'DATASET' }],
      }),
    },
  };
}

function statisticsFacets(asset: AssetDocument, context: LineageContext): Facets {
  return {
    outputStatistics: facet(context, '1-0-2/OutputStatisticsOutputDatasetFacet.json', {
      size: asset.size_bytes,
      ...(asset.row_count === null ? {} : { rowCount: asset.row_count }),
    }),
  };
}

/** A facet with the URL of its schema, which the spec requires. */
function facet({ producer }: LineageContext, schema: string, fields: Facets): Facets {
  const name = schema.slice(schema.indexOf('/') + 1, -'.json'.length);
  return { _producer: producer, _schemaURL: `${FACET}/${schema}#/$defs/${name}`, ...fields };
}

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
    throw new SluiceError('REQUEST_INVALID', `The lineage server responded with status ${response.status}.`, {
      details: { status: response.status },
    });
}
