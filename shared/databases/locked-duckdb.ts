import { type DuckDBConnection, DuckDBInstance, quotedString } from '@duckdb/node-api';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { isDiskFull } from '#shared/errors/system-failure.ts';
import { readThreadUsage, watchProgram } from '#shared/processes/program-watch.ts';

/** The memory limit of DuckDB. Larger intermediate results are written to the folder. */
const MEMORY_LIMIT = '2GB';
/**
 * DuckDB ignores an interrupt before the statement has begun, so the interrupt is repeated until the statement has
 * ended.
 */
const INTERRUPT_INTERVAL_MS = 50;
/** Processor seconds that a statement may use without reading or writing, as the default of GDAL programs. */
const STALLED_CPU_SECONDS = 300;

export interface LockedDatabase extends Disposable {
  connection: DuckDBConnection;
  /**
   * Executes one statement in DuckDB's threads. Returns its rows as JSON values, where integers of 64 bits are texts.
   * Aborting the signal interrupts the statement. Throws DISK_FULL, and STEP_NO_PROGRESS when the threads of this
   * process used a long time without reading or writing.
   */
  query<T>(sql: string, signal: AbortSignal): Promise<T[]>;
}

/**
 * Opens a database in memory that reads and writes files only in `folder` and loads no extensions. Its configuration
 * is locked, so SQL cannot change this. Geometries in a Parquet file are read as WKB. With `threads: 1` and
 * `preserveOrder`, the same rows are written as the same bytes.
 */
export async function openLockedDatabase(
  folder: string,
  options: { threads: number; preserveOrder: boolean; stalledCpuSeconds?: number },
): Promise<LockedDatabase> {
  const { stalledCpuSeconds = STALLED_CPU_SECONDS } = options;
  const instance = await DuckDBInstance.create(':memory:', {
    threads: String(options.threads),
    memory_limit: MEMORY_LIMIT,
    temp_directory: folder,
    preserve_insertion_order: String(options.preserveOrder),
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
  });
  try {
    const connection = await instance.connect();
    await connection.run(
      [
        `set allowed_directories = [${quotedString(folder)}]`,
        "set TimeZone = 'UTC'",
        'set enable_geoparquet_conversion = false',
        'set enable_external_access = false',
        'set lock_configuration = true',
      ].join('; '),
    );
    return {
      connection,
      query: <T>(sql: string, signal: AbortSignal) =>
        interruptible(
          connection,
          { signal, stalledCpuSeconds },
          async () => (await connection.runAndReadAll(sql)).getRowObjectsJson() as T[],
        ),
      [Symbol.dispose]: () => instance.closeSync(),
    };
  } catch (thrown) {
    instance.closeSync();
    throw thrown;
  }
}

async function interruptible<T>(
  connection: DuckDBConnection,
  { signal, stalledCpuSeconds }: { signal: AbortSignal; stalledCpuSeconds: number },
  work: () => Promise<T>,
): Promise<T> {
  signal.throwIfAborted();
  let timer: NodeJS.Timeout | undefined;
  let stalled = false;
  const interrupt = () => {
    connection.interrupt();
    timer ??= setInterval(() => connection.interrupt(), INTERRUPT_INTERVAL_MS);
  };
  signal.addEventListener('abort', interrupt, { once: true });
  const onStalled = () => {
    stalled = true;
    interrupt();
  };
  const limits = { stalledCpuSeconds, memoryBytes: undefined };
  const stopWatching = watchProgram(process.pid, limits, onStalled, readThreadUsage);
  try {
    return await work();
  } catch (thrown) {
    signal.throwIfAborted();
    throw stalled ? noProgress(stalledCpuSeconds) : (resourceError(thrown) ?? thrown);
  } finally {
    stopWatching();
    signal.removeEventListener('abort', interrupt);
    clearInterval(timer);
  }
}

function noProgress(seconds: number): SluiceError {
  return new SluiceError(
    'STEP_NO_PROGRESS',
    `DuckDB used ${seconds} s of processor time without reading or writing data.`,
    { details: { program: 'duckdb', seconds } },
  );
}

/** The error for a failure of DuckDB that has no disk space or memory left; undefined for other failures. */
export function resourceError(thrown: unknown): SluiceError | undefined {
  if (!(thrown instanceof Error)) return undefined;
  if (isDiskFull(thrown))
    return new SluiceError('DISK_FULL', 'DuckDB cannot write to the scratch folder (SCRATCH_DIR): the disk is full.', {
      cause: thrown,
    });
  // @duckdb/node-api throws errors without a code or a type.
  if (thrown.message.startsWith('Out of Memory Error'))
    return new SluiceError('MEMORY_LIMIT', `DuckDB reached its memory limit of ${MEMORY_LIMIT}.`, { cause: thrown });
  return undefined;
}
