import { sortedEntries, sourceHashOf } from '#shared/assets/store-asset.ts';
import { ledgerType } from '#shared/contracts/column-types.ts';
import type { SourceFile } from '#shared/contracts/shared-schemas.ts';
import { deterministicObjectId } from '#shared/events/event.ts';
import type { AssetDraft, RunDocument } from '#shared/ledger/documents.ts';
import type { InferredTypes } from '#shared/tables/infer/infer-types.ts';
import { rejectedNotes, type RejectedTotal, totalRejected } from '#shared/tables/limit-rejected.ts';
import type { SourceTable } from '#shared/tables/source-table.ts';

/** Increase it when the same file would become a different asset, so that older assets are not reused. */
const READER_VERSION = 6;
const RECIPE = 'tabular';
const STEPS = ['ScanRows', 'InferTypes', 'WriteParquet'];

/** The id of the asset of a run. It depends only on the run, so a repeated step does not register a second asset. */
export function assetIdOf(runId: string): string {
  return deterministicObjectId('asset', runId, 'parquet');
}

/** The source hash (sourceHashOf) of the files in their order, and of how they are read. */
export function tabularSourceHash(
  run: Pick<RunDocument, 'manifest'>,
  files: readonly Pick<SourceFile, 'path' | 'sha256' | 'layer'>[],
): string {
  const parameters = sortedEntries(run.manifest.metadata.tabular ?? {});
  return sourceHashOf(run.manifest, files, [RECIPE, READER_VERSION, parameters], { ordered: true });
}

/** The Parquet file, and the versions of its writer. */
export interface WrittenTable {
  s3_key: string;
  content_hash: string;
  source_hash: string;
  size_bytes: number;
  duckdb: string;
}

/** The asset document for a written table. */
export function assetDraft(run: RunDocument, inferred: InferredTypes<SourceTable>, written: WrittenTable): AssetDraft {
  const { tables, types, rowCounts } = inferred;
  const rejected = rejectedOf(tables);
  return {
    _id: assetIdOf(run.run_id),
    dataset_id: run.dataset_id,
    kind: 'tabular',
    s3_key: written.s3_key,
    content_hash: written.content_hash,
    source_hash: written.source_hash,
    run_id: run._id,
    crs: null,
    bbox: null,
    geometry_types: [],
    row_count: rowCounts.reduce((sum, rows) => sum + rows, 0),
    columns: (tables[0]?.columns ?? []).map(({ name }, index) => ({
      name,
      type: ledgerType(types[index] ?? { type: 'text' }),
    })),
    size_bytes: written.size_bytes,
    quality: {
      null_geometries: 0,
      empty_geometries: 0,
      repaired_geometries: 0,
      notes: [...tables.flatMap(({ notes }) => notes), ...inferred.notes, ...rejectedNotes(rejected)],
    },
    rejected_rows: rejected,
    software: { DuckDB: written.duckdb },
    recipe: { name: RECIPE, parameters: { ...run.manifest.metadata.tabular }, steps: [...STEPS] },
    sources: tables.map(({ source }, index) => ({ ...source, row_count: rowCounts[index] ?? 0 })),
    iso: null,
    stac_key: null,
  };
}

/** The rejected rows of all tables. */
export function rejectedOf(tables: readonly SourceTable[]): RejectedTotal {
  return totalRejected(tables.map(({ source, rejected }) => ({ file: source.path, rejected })));
}
