import type { AssetDocument, RunDocument } from '#shared/ledger/documents.ts';
import type { Status } from '#shared/contracts/statuses.ts';

/**
 * A run as OpenLineage tells it (https://openlineage.io/spec/1-0-5/OpenLineage.json): when it started, how it ended, what it read and
 * what it made. Pure: the same run gives the same events, so that a repeat is recognized by run id, type and time.
 */
export interface OpenLineageEvent {
  eventType: 'START' | 'COMPLETE' | 'FAIL' | 'ABORT';
  eventTime: string;
  run: { runId: string; facets: Record<string, unknown> };
  job: { namespace: string; name: string; facets: Record<string, unknown> };
  inputs: OpenLineageDataset[];
  outputs: OpenLineageDataset[];
  producer: string;
  schemaURL: string;
}

interface OpenLineageDataset {
  namespace: string;
  name: string;
  facets: Record<string, unknown>;
  outputFacets?: Record<string, unknown>;
}

const SCHEMA = 'https://openlineage.io/spec/1-0-5/OpenLineage.json#/definitions/RunEvent';
/** Every facet names its own schema; these are the versions that the spec publishes. */
const FACET = 'https://openlineage.io/spec/facets';
const PRODUCER = 'https://github.com/sluice-data/sluice';

const END: Record<Exclude<Status, 'running'>, OpenLineageEvent['eventType']> = {
  success: 'COMPLETE',
  failure: 'FAIL',
  canceled: 'ABORT',
};

export interface LineageContext {
  /** Of the jobs, as an installation calls itself. */
  namespace: string;
  lakeBucket: string;
  /** What the run made. */
  assets: AssetDocument[];
  /** What those were made from, besides files. */
  parents: AssetDocument[];
}

/** The start of a run and, when it has ended, its end. */
export function openLineageEvents(run: RunDocument, context: LineageContext): OpenLineageEvent[] {
  const base = {
    job: {
      namespace: context.namespace,
      name: `${run.manifest.intent}.${run.dataset_id}`,
      facets: {
        jobType: facet('1-1-1/JobTypeJobFacet.json', {
          processingType: 'BATCH',
          integration: 'SLUICE',
          jobType: 'RUN',
        }),
      },
    },
    producer: PRODUCER,
    schemaURL: SCHEMA,
  };
  const start: OpenLineageEvent = {
    eventType: 'START',
    eventTime: run.created_at,
    run: { runId: run.run_id, facets: {} },
    ...base,
    inputs: filesOf(run),
    outputs: [],
  };
  if (run.status === 'running') return [start];
  const end: OpenLineageEvent = {
    eventType: END[run.status],
    eventTime: run.finished_at ?? run.updated_at,
    run: {
      runId: run.run_id,
      facets:
        run.error === null
          ? {}
          : {
              errorMessage: facet('1-0-1/ErrorMessageRunFacet.json', {
                message: `${run.error.code}: ${run.error.message}`,
                programmingLanguage: 'TypeScript',
              }),
            },
    },
    ...base,
    inputs: [...filesOf(run), ...context.parents.map((parent) => datasetOf(parent, context.lakeBucket))],
    outputs: context.assets.map((asset) => ({
      ...datasetOf(asset, context.lakeBucket),
      outputFacets: statisticsOf(asset),
    })),
  };
  return [start, end];
}

function filesOf(run: RunDocument): OpenLineageDataset[] {
  return run.manifest.files.map(({ path }) => {
    const [, bucket = '', key = path] = /^s3:\/\/([^/]+)\/(.+)$/s.exec(path) ?? [];
    return { namespace: `s3://${bucket}`, name: key, facets: {} };
  });
}

function datasetOf(asset: AssetDocument, lakeBucket: string): OpenLineageDataset {
  return {
    namespace: `s3://${lakeBucket}`,
    name: asset.s3_key,
    facets: {
      ...(asset.columns.length === 0
        ? {}
        : {
            schema: facet('1-1-1/SchemaDatasetFacet.json', {
              fields: asset.columns.map(({ name, type }) => ({ name, type })),
            }),
          }),
      version: facet('1-0-1/DatasetVersionDatasetFacet.json', { datasetVersion: String(asset.version) }),
      symlinks: facet('1-0-1/SymlinksDatasetFacet.json', {
        identifiers: [{ namespace: `s3://${lakeBucket}`, name: asset.dataset_id, type: 'DATASET' }],
      }),
    },
  };
}

function statisticsOf(asset: AssetDocument): Record<string, unknown> {
  return {
    outputStatistics: facet('1-0-2/OutputStatisticsOutputDatasetFacet.json', {
      size: asset.size_bytes,
      ...(asset.row_count === null ? {} : { rowCount: asset.row_count }),
    }),
  };
}

function facet(schema: string, fields: Record<string, unknown>): Record<string, unknown> {
  const name = schema.slice(schema.indexOf('/') + 1, -'.json'.length);
  return { _producer: PRODUCER, _schemaURL: `${FACET}/${schema}#/$defs/${name}`, ...fields };
}
