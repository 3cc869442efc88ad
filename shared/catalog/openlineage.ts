import type { AssetDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Status } from '#shared/contracts/statuses.ts';

/**
 * A run event of OpenLineage (https://openlineage.io/spec/1-0-5/OpenLineage.json): start or end of a run, with its
 * inputs and outputs. The same run makes equal events, so that a lineage server recognizes a repeat by run id, type and
 * time.
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
  /** Namespace of the jobs. */
  namespace: string;
  /** URI of the program that makes the events: the public URL of the gateway. */
  producer: string;
  lakeBucket: string;
  /** Assets that the run made or reused. */
  assets: AssetDocument[];
  /** Assets that they were made from. */
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
