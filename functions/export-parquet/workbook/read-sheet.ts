import { Piscina } from 'piscina';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import { ignoreError } from '#shared/streams/file-streams.ts';
import type { SheetJob, SheetReply, SheetTable } from './sheet-worker.ts';

/**
 * Reads workbooks in worker threads with limits, because user content must neither block the event loop of the
 * function nor exhaust its memory. A worker that exceeds a limit is ended.
 *
 * No library reads workbooks as needed. Of exceljs 4.4.0, @cj-tech-master/excelts 10.2.0, read-excel-file 9 and SheetJS
 * (@e965/xlsx 0.20.3), only SheetJS reads cells without references, prefixed names, ISO dates and phonetic hints right.
 * It holds the workbook in memory: 1.6 GB and 90 s for a sheet of 240 MB.
 */

/** An idle worker keeps about 20 MB and is ended after this time. Starting one takes about 150 ms. */
const IDLE_MS = 60_000;
/** More than the tables that are read at the same time, so that no job is queued. */
const MAX_WORKERS = 64;
/**
 * The heap of JavaScript, in MiB. A sheet of 240 MB needs 30; texts of 16 MiB, the limit of a row, a few times as much.
 */
const MAX_HEAP_MIB = 512;
const MAX_YOUNG_HEAP_MIB = 16;
/** How often the progress of a worker is compared, unless the limit is shorter. */
const WATCH_MS = 1_000;

let pool: Piscina<SheetJob, SheetReply> | undefined;

/**
 * Reads the sheet of a workbook and writes its table in the staged form. Throws LAYER_MISSING, FILE_UNREADABLE,
 * FILE_TOO_LARGE, TOO_MANY_COLUMNS, STEP_NO_PROGRESS, and the errors of withZipArchive.
 */
export async function readSheet(
  job: Omit<SheetJob, 'progress'>,
  { signal, stalledSeconds }: { signal: AbortSignal; stalledSeconds: number },
): Promise<SheetTable> {
  signal.throwIfAborted();
  const progress = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  const watch = new ProgressWatch(progress, stalledSeconds);
  using limited = new JoinedSignal([signal, watch.signal]);
  try {
    const reply = await workers().run({ ...job, progress }, { signal: limited.signal });
    if (reply.ok) return reply.table;
    throw new SluiceError(reply.error.code, reply.error.message, { details: reply.error.details });
  } catch (thrown) {
    signal.throwIfAborted();
    throw watch.signal.aborted ? noProgress(job.file, stalledSeconds) : workerError(thrown, job.file);
  } finally {
    watch.end();
  }
}

/** Aborts its signal when a worker reads no bytes for some time. */
class ProgressWatch {
  readonly #controller = new AbortController();
  readonly #timer: NodeJS.Timeout;

  constructor(progress: Int32Array, stalledSeconds: number) {
    let [last, since] = [0, performance.now()];
    this.#timer = setInterval(
      () => {
        const now = performance.now();
        if (progress[0] !== last) [last, since] = [progress[0] ?? 0, now];
        else if (now - since >= stalledSeconds * 1000) this.#controller.abort();
      },
      Math.min(WATCH_MS, stalledSeconds * 1000),
    );
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  end(): void {
    clearInterval(this.#timer);
  }
}

function noProgress(file: string, seconds: number): SluiceError {
  return new SluiceError(
    'STEP_NO_PROGRESS',
    `${file} was read for ${seconds} s without progress (GDAL_STALLED_CPU_SECONDS). Save its sheet as CSV.`,
    { details: { file, seconds } },
  );
}

function workerError(thrown: unknown, file: string): SluiceError {
  if (thrown instanceof SluiceError) return thrown;
  if ((thrown as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY')
    return new SluiceError(
      'FILE_TOO_LARGE',
      `${file} needs more than ${MAX_HEAP_MIB} MiB of memory to be read. Save its sheet as CSV.`,
      { cause: thrown, details: { file } },
    );
  return new SluiceError('INTERNAL', `The thread that reads ${file} failed.`, { cause: thrown });
}

function workers(): Piscina<SheetJob, SheetReply> {
  pool ??= new Piscina({
    filename: new URL('./sheet-worker.ts', import.meta.url).href,
    minThreads: 0,
    maxThreads: MAX_WORKERS,
    idleTimeout: IDLE_MS,
    resourceLimits: { maxOldGenerationSizeMb: MAX_HEAP_MIB, maxYoungGenerationSizeMb: MAX_YOUNG_HEAP_MIB },
    atomics: 'disabled', // An idle worker does not block its thread.
  }).on('error', ignoreError); // An idle worker ended. The next job starts another one.
  return pool;
}
