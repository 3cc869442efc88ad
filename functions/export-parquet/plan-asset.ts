import { deterministicObjectId } from '#shared/events/event.ts';
import { sortedEntries } from '#shared/assets/lake-object.ts';
import { sourceHashOf } from '#shared/assets/source-hash.ts';
import { SLUICE_VERSION } from '#shared/assets/software.ts';
import type { AssetDraft, RunDocument } from '#shared/ledger/documents.ts';
import type { Source } from '#shared/landing/fetch-source.ts';
import type { TableFormat } from '#shared/formats/table-formats.ts';
import type { SourceFile } from '#shared/contracts/facts.ts';
import type { InferredTable } from './infer-types.ts';
import { type RejectedRow, totalRejected } from './rejected-rows.ts';
import type { TableSource } from './table-source.ts';
import { ledgerType } from './value-types.ts';

/** Changes when the same file would become another asset. */
const READER_VERSION = 2;
const RECIPE = 'tabular';
const STEPS = ['ScanRows', 'InferTypes', 'WriteParquet'];

/** The same for the same run, so that a repeat registers nothing new. */
export function assetIdOf(runId: string): string {
  return deterministicObjectId('asset', runId, 'parquet');
}

/** Changes with the files, their order, and how they are read (sourceHashOf). */
export function tabularSourceHash(
  run: Pick<RunDocument, 'manifest'>,
  files: readonly Pick<SourceFile, 'path' | 'sha256' | 'layer'>[],
): string {
  return sourceHashOf(
    run.manifest,
    files,
    [RECIPE, READER_VERSION, sortedEntries(run.manifest.metadata.tabular ?? {})],
    { ordered: true },
  );
}

/** A fetched file, for lineage; how many rows it has is not known yet. */
export function sourceFile(source: Source<TableFormat>): SourceFile {
  return {
    path: source.file,
    sha256: source.sha256,
    size_bytes: source.sizeBytes,
    format: source.format.name,
    layer: source.declared.layer ?? null,
    crs: null,
    row_count: 0,
  };
}

export interface WrittenTable {
  s3_key: string;
  content_hash: string;
  source_hash: string;
  size_bytes: number;
  duckdb: string;
}

/** What the ledger is told of the table. */
export function assetDraft(
  run: RunDocument,
  tables: readonly TableSource[],
  inferred: InferredTable,
  written: WrittenTable,
): AssetDraft {
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
    row_count: inferred.rowCounts.reduce((sum, rows) => sum + rows, 0),
    columns: (tables[0]?.columns ?? []).map(({ name }, index) => ({
      name,
      type: ledgerType(inferred.types[index] ?? { type: 'text' }),
    })),
    size_bytes: written.size_bytes,
    quality: {
      null_geometries: 0,
      empty_geometries: 0,
      repaired_geometries: 0,
      notes: [...tables.flatMap(({ notes }) => notes), ...inferred.notes, ...rejectedNote(rejectedOf(tables))],
    },
    rejected_rows: rejectedOf(tables),
    software: { Sluice: SLUICE_VERSION, DuckDB: written.duckdb },
    recipe: { name: RECIPE, parameters: { ...run.manifest.metadata.tabular }, steps: [...STEPS] },
    sources: tables.map(({ source }, index) => ({ ...source, row_count: inferred.rowCounts[index] ?? 0 })),
    iso: null,
    stac_key: null,
  };
}

/** The rejected rows of all files. */
export function rejectedOf(tables: readonly TableSource[]): { count: number; sample: RejectedRow[] } {
  return totalRejected(tables.map(({ source, rejected }) => ({ file: source.path, rejected })));
}

function rejectedNote({
  count,
  sample,
}: {
  count: number;
  sample: RejectedRow[];
}): { code: string; message: string }[] {
  const [first] = sample;
  if (first === undefined) return [];
  return [
    {
      code: 'ROWS_REJECTED',
      message: `${count} ${count === 1 ? 'row' : 'rows'} could not be read and ${count === 1 ? 'is' : 'are'} left out; the first: line ${first.line} ${first.reason}.`,
    },
  ];
}
