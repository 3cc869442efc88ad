import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { version } from '@duckdb/node-api';
import { openLockedDatabase } from '#shared/duckdb/locked-database.ts';
import { makeEvent, parseEventData } from '#shared/events/event.ts';
import { deleteEarlierObjects, findExistingAsset, PARQUET_TYPE, publishAsset } from '#shared/assets/lake-object.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { openScratch } from '#shared/runtime/scratch.ts';
import { type Claim, withClaim } from '#shared/runtime/with-claim.ts';
import { digest } from '#shared/storage/transfer.ts';
import { assetKey } from '#shared/contracts/object-keys.ts';
import { alignTables } from './align-tables.ts';
import { type FetchedTable, fetchTables } from './fetch-tables.ts';
import { inferTypes } from './infer-types.ts';
import { assetDraft, assetIdOf, rejectedOf, sourceFile, tabularSourceHash } from './plan-asset.ts';
import { readTable } from './read-table.ts';
import { checkRejected } from './rejected-rows.ts';
import { writeTable } from './write-table.ts';

/** Makes one Parquet file of the tables of a manifest, uploads it and registers the asset. See README.md. */
export const handler: Handler = (event, context) => {
  const { run_id } = parseEventData(event, 'sluice.run.requested.tabular');
  return withClaim(context, { runId: run_id, step: 'export-parquet' }, async (claim) => {
    await deleteEarlierObjects(claim, context);
    await using scratch = await openScratch(context.env, claim);
    const files = await fetchTables(claim.run.manifest.files, {
      ...context,
      folder: scratch.folder,
      signal: claim.signal,
    });
    const sources = files.map(({ source }) => sourceFile(source));
    const source_hash = tabularSourceHash(claim.run, sources);
    const existing = await findExistingAsset(
      claim,
      { _id: assetIdOf(run_id), dataset_id: claim.run.dataset_id, source_hash, sources },
      context,
    );
    const assetId = existing?.assetId ?? (await exportTable(claim, files, source_hash, scratch.folder, context));
    return makeEvent(
      'sluice.asset.exported',
      run_id,
      { run_id, asset_ids: [assetId], reused: existing?.reused ?? false },
      { traceparent: claim.run.traceparent ?? undefined },
    );
  });
};

async function exportTable(
  claim: Claim,
  files: FetchedTable[],
  source_hash: string,
  folder: string,
  context: Context,
): Promise<string> {
  const { run, signal } = claim;
  const started = performance.now();
  const parameters = run.manifest.metadata.tabular ?? {};
  const path = join(folder, 'asset.parquet');
  const inferred = await understand();
  const { tables } = inferred;
  {
    using writer = await openLockedDatabase(folder, { threads: 1, preserveOrder: true });
    await writeTable(writer, tables, inferred.types, { path, rows: sum(inferred.rowCounts) }, signal);
  }
  const { sha256: content_hash, size: size_bytes } = await digest(createReadStream(path), signal);
  const draft = assetDraft(run, tables, inferred, {
    s3_key: assetKey(run, claim.token, `${run.dataset_id}.parquet`),
    content_hash,
    source_hash,
    size_bytes,
    duckdb: version(),
  });
  const asset = await publishAsset(path, PARQUET_TYPE, draft, claim, context);
  context.log.info(
    {
      run_id: run.run_id,
      files: files.length,
      rows: asset.row_count,
      rejected: draft.rejected_rows?.count,
      seconds: (performance.now() - started) / 1000,
    },
    'Table:Export:Success',
  );
  return asset._id;

  async function understand() {
    using reader = await openLockedDatabase(folder, { threads: context.env.CORES, preserveOrder: false });
    const read = [];
    for (const file of files)
      read.push(
        await readTable(file.source, parameters, { ...context, database: reader, folder: file.folder, signal }),
      );
    const aligned = alignTables(read);
    const types = await inferTypes(reader, aligned, signal);
    checkRejected(rejectedOf(types.tables), sum(types.rowCounts), parameters.max_rejected_rows);
    return types;
  }
}

function sum(counts: readonly number[]): number {
  return counts.reduce((total, count) => total + count, 0);
}
