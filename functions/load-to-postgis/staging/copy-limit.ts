import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';

/**
 * Limits the rows that a file can load. A file of a few kilobytes can produce unlimited rows, for example through a
 * view of an SQLite database. PostgreSQL reports the progress of a COPY, so Sluice stops a load that exceeds what a
 * file of this size can hold.
 */

/** Bytes of COPY text per byte of file: `1 2 ` in a GML file becomes 64 hexadecimal digits of X, Y, Z and M. */
const MAX_GROWTH = 40;
/** Text in an archive is compressed to about a twentieth of its size. */
const COMPRESSION_RATIO = 20;
/** No load below this size is stopped: it does no harm, and small files can grow by a large factor. */
const MIN_LIMIT_BYTES = 256 * 2 ** 20;
/** A small file is loaded before the first check. */
const CHECK_INTERVAL_MS = 1000;

const COPY_PROGRESS_SQL = `
  select bytes_processed::float8 as bytes
  from pg_stat_progress_copy join pg_stat_activity using (pid)
  where application_name = current_setting('application_name') and pid <> pg_backend_pid()`;

/** The limit for the files in `folder`, in bytes of COPY text. */
export async function maxCopyBytes(folder: string, { isZipArchive }: { isZipArchive?: true }): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile());
  const stats = await Promise.all(files.map((entry) => stat(join(entry.parentPath, entry.name))));
  const bytes = stats.reduce((sum, { size }) => sum + size, 0);
  return Math.max(MIN_LIMIT_BYTES, bytes * MAX_GROWTH * (isZipArchive ? COMPRESSION_RATIO : 1));
}

/**
 * Runs `load`, which uses COPY with the session's application name, and aborts it when it exceeds `maxBytes`.
 * Throws FILE_TOO_LARGE.
 */
export async function withCopyLimit<T>(
  session: PostgisSession,
  { maxBytes, file }: { maxBytes: number; file: string },
  signal: AbortSignal,
  load: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const limit = new AbortController();
  using joined = new JoinedSignal([signal, limit.signal]);
  const ended = new AbortController();
  const watching = waitUntilExceeded(session, maxBytes, ended.signal).then((exceeded) => {
    if (exceeded) limit.abort(copyLimitExceeded(file, maxBytes));
  });
  try {
    return await load(joined.signal);
  } finally {
    ended.abort();
    await watching;
  }
}

/** True when a COPY has exceeded the limit; false when `ended` aborts before. */
async function waitUntilExceeded(session: PostgisSession, maxBytes: number, ended: AbortSignal): Promise<boolean> {
  for (;;) {
    await setTimeout(CHECK_INTERVAL_MS, undefined, { signal: ended }).catch(() => undefined);
    if (ended.aborted) return false;
    // If PostgreSQL does not respond, the load fails with that error.
    const copies = await session.query<{ bytes: number }>(COPY_PROGRESS_SQL).catch(() => []);
    if (copies.some(({ bytes }) => bytes > maxBytes)) return true;
  }
}

export function copyLimitExceeded(file: string, maxBytes: number): SluiceError {
  return new SluiceError(
    'FILE_TOO_LARGE',
    `${file} produced more than ${maxBytes} bytes of rows, too many for its size. ` +
      'The layer may be a view that returns unlimited rows. Save it as a table.',
    { details: { file, limit: maxBytes } },
  );
}
