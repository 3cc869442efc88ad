import { randomUUID } from 'node:crypto';
import { link, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** To free the blocks of a file of this size takes less than a millisecond. */
const LARGE_BYTES = 2 ** 20;

/**
 * Calls `remove`, which deletes or replaces the file `path` synchronously. To free the blocks of a file takes half a
 * second per gigabyte, in which this process would respond to no request. So a large file gets a second name in
 * `folder`, on the same file system, until another thread has deleted it. If the process dies before, the name remains.
 */
export async function withoutFreeingBlocks<T>(path: string, folder: string, remove: () => T): Promise<T> {
  const second = join(folder, randomUUID());
  try {
    if ((await stat(path)).size >= LARGE_BYTES) await link(path, second);
  } catch {
    // There is no such file, or the file system has no links or is full. Then `remove` frees the blocks itself.
  }
  try {
    return remove();
  } finally {
    await rm(second, { force: true });
  }
}
