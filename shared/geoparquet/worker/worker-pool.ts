import { Piscina } from 'piscina';
import { type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import { ignoreError } from '#shared/streams/file-streams.ts';
import { createRing, resetRing } from './byte-ring.ts';
import type { RawColumn } from '#shared/databases/copy-binary/copy-format.ts';

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

/** An idle worker keeps about 30 MB and is ended after this time. Starting one takes about 150 ms. */
const IDLE_MS = 5 * 60_000;
/** More than the exports that run at the same time, so that no job is queued. */
const MAX_WORKERS = 64;
/**
 * The worker creates a small view for each text or geometry. Without a limit, V8 collects them later and uses 15 MB
 * more.
 */
const MAX_YOUNG_GENERATION_MB = 4;

let pool: Piscina<ParquetJob | null, WorkerReply> | undefined;

/** Rings of completed jobs. They are reused, because the garbage collector ignores the size of shared memory. */
const idleRings: SharedArrayBuffer[] = [];

/** A job in a worker. It reads the ring to its end; `result` rejects with the error of the worker. */
export interface StartedJob {
  ring: SharedArrayBuffer;
  result: Promise<ParquetResult>;
}

/** Starts a job in an idle worker, or in a new one. */
export function startJob(job: Omit<ParquetJob, 'ring'>): StartedJob {
  const ring = idleRings.pop() ?? createRing();
  resetRing(ring);
  const result = execute({ ...job, ring }).finally(() => idleRings.push(ring));
  return { ring, result };
}

/** Starts a worker, so that the first export does not wait for it. */
export async function warmUp(): Promise<void> {
  await workers().run(null);
}

async function execute(job: ParquetJob): Promise<ParquetResult> {
  const reply = await workers()
    .run(job)
    .catch((cause: unknown) => {
      throw new SluiceError('INTERNAL', 'The thread that writes Parquet failed.', { cause });
    });
  if (reply.ok) return reply.result;
  throw new SluiceError(reply.error.code, reply.error.message, { details: reply.error.details });
}

function workers(): Piscina<ParquetJob | null, WorkerReply> {
  pool ??= new Piscina({
    filename: new URL('./geoparquet-worker.ts', import.meta.url).href,
    minThreads: 0,
    maxThreads: MAX_WORKERS,
    idleTimeout: IDLE_MS,
    resourceLimits: { maxYoungGenerationSizeMb: MAX_YOUNG_GENERATION_MB },
    atomics: 'disabled', // An idle worker does not block its thread.
  }).on('error', ignoreError); // An idle worker ended. The next job starts another one.
  return pool;
}
