import { type DuckDBConnection, DuckDBInstance, quotedString } from '@duckdb/node-api';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** DuckDB's own limit; what does not fit goes to the folder. */
const MEMORY_LIMIT = '2GB';
/** An interrupt that comes before the statement has begun is lost, so it is repeated until the statement has ended. */
const INTERRUPT_EVERY_MS = 50;

export interface LockedDatabase extends Disposable {
  connection: DuckDBConnection;
  /** Runs one statement on DuckDB's own threads, and answers its rows as JSON values (whole numbers of 64 bits as text). An abort interrupts it. */
  query<T>(sql: string, signal: AbortSignal): Promise<T[]>;
}

/**
 * A database in memory that reads and writes nothing outside `folder`, loads nothing, and can't be told otherwise. Geometries of a file are its WKB. `threads: 1` with
 * `preserveOrder` writes the same rows as the same bytes.
 */
export async function openLockedDatabase(
  folder: string,
  options: { threads: number; preserveOrder: boolean },
): Promise<LockedDatabase> {
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
      `set allowed_directories = [${quotedString(folder)}]; set TimeZone = 'UTC'; set enable_geoparquet_conversion = false; set enable_external_access = false; set lock_configuration = true`,
    );
    return {
      connection,
      query: <T>(sql: string, signal: AbortSignal) =>
        interruptible(connection, signal, async () => (await connection.runAndReadAll(sql)).getRowObjectsJson() as T[]),
      [Symbol.dispose]: () => instance.closeSync(),
    };
  } catch (thrown) {
    instance.closeSync();
    throw thrown;
  }
}

async function interruptible<T>(connection: DuckDBConnection, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  signal.throwIfAborted();
  let timer: NodeJS.Timeout | undefined;
  const interrupt = () => {
    connection.interrupt();
    timer ??= setInterval(() => connection.interrupt(), INTERRUPT_EVERY_MS);
  };
  signal.addEventListener('abort', interrupt, { once: true });
  try {
    return await work();
  } catch (thrown) {
    signal.throwIfAborted();
    throw diskFull(thrown) ?? thrown;
  } finally {
    signal.removeEventListener('abort', interrupt);
    clearInterval(timer);
  }
}

/** DISK_FULL when that is what DuckDB, in its own words around the system's, says of a write. */
export function diskFull(thrown: unknown): SluiceError | undefined {
  if (!(thrown instanceof Error) || !/No space left on device|Disk quota exceeded/.test(thrown.message))
    return undefined;
  return new SluiceError('DISK_FULL', 'There is no room for the Parquet file in the scratch folder (SCRATCH_DIR).', {
    cause: thrown,
  });
}
