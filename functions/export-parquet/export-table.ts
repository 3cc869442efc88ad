import { join } from 'node:path';
import { version } from '@duckdb/node-api';
import { storeAsset } from '#shared/assets/store-asset.ts';
import { assetKey } from '#shared/contracts/object-keys.ts';
import { openLockedDatabase } from '#shared/databases/locked-duckdb.ts';
import type { Context } from '#shared/runtime/context.ts';
import type { Claim } from '#shared/runtime/with-claim.ts';
import { hashStream } from '#shared/storage/transfer.ts';
import { readFileStream } from '#shared/streams/file-streams.ts';
import { alignTables } from '#shared/tables/align-tables.ts';
import { type InferredTypes, inferTypes } from '#shared/tables/infer/infer-types.ts';
import { checkRejected } from '#shared/tables/limit-rejected.ts';
import type { SourceTable } from '#shared/tables/source-table.ts';
import { assetDraft, rejectedOf } from './asset-draft.ts';
import type { FetchedTable } from './parse/fetch-tables.ts';
import { readTable } from './parse/read-table.ts';
import { writeTable } from './write-table.ts';

/**
 * Writes the downloaded files into one Parquet file, uploads it and registers the asset. Returns the id of the asset.
 */
export async function exportTable(
  claim: Claim,
  files: readonly FetchedTable[],
  source_hash: string,
  folder: string,
  context: Context,
): Promise<string> {
  const { run, signal } = claim;
  const inferred = await readTables(claim, files, folder, context);
  const path = join(folder, 'asset.parquet');
  await writeParquet(inferred, { path, dataset: run.dataset_id }, folder, signal);
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
  target: { path: string; dataset: string },
  folder: string,
  signal: AbortSignal,
): Promise<void> {
  using database = await openLockedDatabase(folder, { threads: 1, preserveOrder: true });
  await writeTable(database, tables, types, { ...target, rows: sum(rowCounts) }, signal);
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
