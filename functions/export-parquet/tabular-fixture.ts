import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { type FileMetaData, parquetMetadata, parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicObjectId, makeEvent } from '#shared/events/event.ts';
import type { AssetDocument, RunDocument } from '#shared/ledger/documents.ts';
import { newDataset, newRun } from '#shared/ledger/new-run.ts';
import { ManifestSchema } from '#shared/manifest/manifest.ts';
import type { Context } from '#shared/runtime/context.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import { openFunctionContext } from '../../tests/function-context.ts';
import { handler } from './handler.ts';
import type { TabularParameters } from './table-source.ts';

/** For tests: tables through the handler on a real ledger and object store, read back by hyparquet, which shares no code with DuckDB. */

export interface TableFile {
  name: string;
  body: string | Buffer;
  format?: string;
  encoding?: string;
  layer?: string;
}

export interface IngestedTable {
  asset: AssetDocument;
  rows: Record<string, unknown>[];
  metadata: FileMetaData;
  /** `{name: type}` as the ledger has them. */
  types: Record<string, string>;
  bytes: Buffer;
}

export type TabularFixture = Awaited<ReturnType<typeof openTabularFixture>>;

export async function openTabularFixture(variables: Record<string, string> = {}) {
  const context = await openFunctionContext(variables);
  return {
    context,
    /** Uploads the files and admits a run of them. */
    startRun: (files: TableFile[], options: RunOptions = {}) => startRun(context, files, options),
    /** The same, and the handler's work. */
    ingest: async (
      files: TableFile | TableFile[],
      tabular: TabularParameters = {},
      options: RunOptions = {},
    ): Promise<IngestedTable> => {
      const { requested } = await startRun(context, [files].flat(), { ...options, tabular });
      const exported = await handler(requested, context);
      const { asset_ids } = exported?.data as { asset_ids: string[] };
      return readAsset(context, asset_ids[0] ?? '');
    },
    [Symbol.asyncDispose]: () => context[Symbol.asyncDispose](),
  };
}

export interface RunOptions {
  datasetId?: string;
  tabular?: TabularParameters;
  metadata?: Record<string, unknown>;
}

async function startRun(
  { ledger, objects, env }: Context,
  files: TableFile[],
  { datasetId = 'preise', tabular, metadata }: RunOptions,
) {
  const batch_id = randomUUID();
  const named = files.map(({ name, body: _, format = 'CSV', ...options }) => ({
    path: `s3://${env.LANDING_BUCKET}/${batch_id}/${name}`,
    type: 'tabular' as const,
    format,
    ...options,
  }));
  for (const { name, body } of files) await objects.put(env.LANDING_BUCKET, `${batch_id}/${name}`, body);
  const manifest = ManifestSchema.parse({
    batch_id,
    uploader: 'zoë',
    intent: 'ingest_tabular',
    files: named,
    metadata: { ...metadata, ...(tabular ? { tabular } : {}) },
  });
  const manifestKey = `manifests/${batch_id}.json`;
  const manifestId = deterministicObjectId('manifest', manifestKey);
  const run: RunDocument = newRun({ manifest, manifestId, manifestKey, lane: 'tabular', datasetId, operator: 'zoë' });
  await ledger.admitManifest(
    {
      _id: manifestId,
      batch_id,
      claimed_batch_id: null,
      manifest_key: manifestKey,
      sha256: 'a'.repeat(64),
      status: 'running',
      run_id: run.run_id,
      lane: 'tabular',
      body: manifest,
      raw: null,
      error: null,
      archive_key: null,
      created_at: run.created_at,
      updated_at: run.created_at,
    },
    run,
    newDataset(datasetId),
  );
  return { run, requested: makeEvent('sluice.run.requested.tabular', run.run_id, { run_id: run.run_id }) };
}

/** Downloads the object of an asset and reads it whole. */
export async function readAsset({ ledger, objects, env, signal }: Context, assetId: string): Promise<IngestedTable> {
  const asset = await ledger.getAsset(assetId);
  if (asset === undefined) throw new SluiceError('ASSET_NOT_FOUND', `Asset ${assetId} is not registered.`);
  const path = join(scratchRoot(env), `${randomUUID()}.parquet`);
  await objects.download(env.LAKE_BUCKET, asset.s3_key, path, { maxBytes: 2 ** 30, signal });
  const bytes = await readFile(path);
  await rm(path);
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const metadata = parquetMetadata(file);
  const rows = await parquetReadObjects({ file, metadata, compressors });
  return {
    asset,
    rows,
    metadata,
    bytes,
    types: Object.fromEntries(asset.columns.map(({ name, type }) => [name, type])),
  };
}
