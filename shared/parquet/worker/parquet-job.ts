import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { RawColumn } from '../copy-binary/reader.ts';

/** The parameters for one Parquet file. The main thread sends them to the worker. */
export interface ParquetJob {
  /** The ring buffer with the rows, as COPY BINARY. */
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
  /** Rows in the footer of the file. */
  row_count: number;
  /** Version of DuckDB. */
  duckdb: string;
}

export type WorkerReply = { ok: true; result: ParquetResult } | { ok: false; error: ErrorDocument };
