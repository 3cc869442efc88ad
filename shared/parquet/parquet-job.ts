import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { RawColumn } from './raw-column.ts';

/** What the worker needs to write one file; made by the main thread, and copied to the worker. */
export interface ParquetJob {
  ring: SharedArrayBuffer;
  /** The folder that DuckDB may use, and the file in it. */
  folder: string;
  path: string;
  columns: RawColumn[];
  /** DuckDB expressions over `c0`, `c1`, …, one for each column of the file, with its name. */
  select: { expression: string; name: string }[];
  /** Key-value metadata of the file. */
  metadata: Record<string, string>;
}

export interface ParquetResult {
  /** Rows that the finished file says it has. */
  row_count: number;
  /** Version of DuckDB. */
  duckdb: string;
}

export type WorkerReply = { ok: true; result: ParquetResult } | { ok: false; error: ErrorDocument };
