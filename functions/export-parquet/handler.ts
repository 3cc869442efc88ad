import { join } from 'node:path';
import { version } from '@duckdb/node-api';
import { deleteObjectsOfEarlierAttempts, findExistingAsset, storeAsset } from '#shared/assets/store-asset.ts';
import { assetKey } from '#shared/contracts/object-keys.ts';
import { alignTables } from '#shared/tables/align-tables.ts';
import { type InferredTypes, inferTypes } from '#shared/tables/infer/infer-types.ts';
import { checkRejected } from '#shared/tables/limit-rejected.ts';
import type { SourceTable } from '#shared/tables/source-table.ts';
import { openLockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { makeEvent, parseRunId } from '#shared/events/event.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { openScratch } from '#shared/runtime/scratch.ts';
import { type Claim, withClaim } from '#shared/runtime/with-claim.ts';
import { hashStream } from '#shared/storage/transfer.ts';
import { readFileStream } from '#shared/streams/file-streams.ts';
import { type FetchedTable, fetchTables, readTable, sourceFile } from './parse/read-table.ts';
import { writeTable, assetDraft, assetIdOf, rejectedOf, tabularSourceHash } from './write-table.ts';

/** Writes the tables of a manifest into one Parquet file, uploads it and registers the asset. See README.md. */
export const handler: Handler = (event, context) => {
  const run_id = parseRunId(event, 'sluice.run.requested.tabular');
  return withClaim(context, { runId: run_id, step: 'export-parquet', event }, async (claim) => {
    const { run, signal } = claim;
    await deleteObjectsOfEarlierAttempts(claim, context);
    await using scratch = await openScratch(context.env, claim);
    const files = await fetchTables(run.manifest.files, { ...context, folder: scratch.folder, signal });
    const sources = files.map(({ source }) => sourceFile(source));
    const source_hash = tabularSourceHash(run, sources);
    const existing = await findExistingAsset(
      claim,
      { _id: assetIdOf(run_id), dataset_id: run.dataset_id, source_hash, sources },
      context,
    );
    const assetId = existing?.assetId ?? (await exportTable(claim, files, source_hash, scratch.folder, context));
    return makeEvent('sluice.asset.exported', run_id, {
      run_id,
      asset_ids: [assetId],
      reused: existing?.reused ?? false,
    });
  });
};

/**
 * Writes the downloaded files into one Parquet file, uploads it and registers the asset. Returns the id of the asset.
 */
async function exportTable(
  claim: Claim,
  files: readonly FetchedTable[],
  source_hash: string,
  folder: string,
  context: Context,
): Promise<string> {
  const { run, signal } = claim;
  const inferred = await readTables(claim, files, folder, context);
  const path = join(folder, 'asset.parquet');
  await writeParquet(inferred, path, folder, signal);
  const { sha256: content_hash, size: size_bytes } = await hashStream(readFileStream(path), signal);
  const draft = assetDraft(run, inferred, {
    s3_key: assetKey(run, claim.token, '.parquet'),
    content_hash,
    source_hash,
    size_bytes,
    duckdb: version(),
  });
  const asset = await storeAsset(path, draft, claim, context);
  return asset._id;
}

async function readTables(
  { run, signal }: Claim,
  files: readonly FetchedTable[],
  folder: string,
  context: Context,
): Promise<InferredTypes<SourceTable>> {
  using database = await openLockedDatabase(folder, { threads: context.env.CORES, preserveOrder: false });
  const parameters = run.manifest.metadata.tabular ?? {};
  const tables: SourceTable[] = [];
  for (const file of files) tables.push(await readTable(file, { ...context, database, parameters, signal }));
  const inferred = await inferTypes(database, alignTables(tables), signal);
  const paths = files.map(({ source }) => source.file);
  checkRejected(rejectedOf(inferred.tables), sum(inferred.rowCounts), parameters.max_rejected_rows, paths);
  return inferred;
}

async function writeParquet(
  { tables, types, rowCounts }: InferredTypes<SourceTable>,
  path: string,
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  using database = await openLockedDatabase(folder, { threads: 1, preserveOrder: true });
  await writeTable(database, tables, types, { path, rows: sum(rowCounts) }, signal);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
