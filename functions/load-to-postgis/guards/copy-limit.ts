import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';

/**
 * A file of a few kilobytes can have rows without end: a view of an SQLite database makes up as many as it likes, of any size. PostgreSQL
 * knows how much a COPY has brought, so that what no file of that size can hold is stopped.
 */

/** Bytes of COPY text per byte of file: 4 bytes of `1 2 ` in a GML become 64 of hexadecimal X, Y, Z and M. With room. */
const MAX_GROWTH = 40;
/** Text deflates to about a twentieth. */
const PACKED = 20;
/** Below this, growth says nothing and does no harm. */
const GROWTH_MATTERS_BYTES = 256 * 2 ** 20;
/** A small file is loaded before it is looked at for the first time. */
const LOOK_EVERY_MS = 1000;

const COPIED_SQL = `select bytes_processed::float8 as bytes from pg_stat_progress_copy join pg_stat_activity using (pid)
  where application_name = current_setting('application_name') and pid <> pg_backend_pid()`;

/** The most that the files in `folder` can bring. */
export async function copyLimit(folder: string, { isArchive }: { isArchive?: true }): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const sizes = await Promise.all(
    entries
      .filter((entry) => entry.isFile())
      .map(async (entry) => (await stat(join(entry.parentPath, entry.name))).size),
  );
  return Math.max(
    GROWTH_MATTERS_BYTES,
    sizes.reduce((sum, size) => sum + size, 0) * MAX_GROWTH * (isArchive ? PACKED : 1),
  );
}

/** Does `work`, which loads by COPY under the session's name, and aborts it when it brings more than `maxBytes`. Throws FILE_TOO_LARGE. */
export async function withinCopyLimit<T>(
  session: PostgisSession,
  { maxBytes, file }: { maxBytes: number; file: string },
  signal: AbortSignal,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const excess = new AbortController();
  const ended = new AbortController();
  const watching = untilExceeded(session, maxBytes, ended.signal).then((exceeded) => {
    if (exceeded)
      excess.abort(
        new SluiceError(
          'FILE_TOO_LARGE',
          `${file} yields more than ${maxBytes} bytes of rows, ${MAX_GROWTH} times what it holds: one of its views may have no end. Save the layer as a plain table.`,
          { details: { file, limit: maxBytes } },
        ),
      );
  });
  try {
    return await work(AbortSignal.any([signal, excess.signal]));
  } finally {
    ended.abort();
    await watching;
  }
}

async function untilExceeded(session: PostgisSession, maxBytes: number, ended: AbortSignal): Promise<boolean> {
  for (;;) {
    await setTimeout(LOOK_EVERY_MS, undefined, { signal: ended }).catch(() => undefined);
    if (ended.aborted) return false;
    // When PostgreSQL does not answer, the load itself will say so.
    const copies = await session.query<{ bytes: number }>(COPIED_SQL).catch(() => []);
    if (copies.some(({ bytes }) => bytes > maxBytes)) return true;
  }
}
