import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, rmdirSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

/** A file system of a few mebibytes in memory. */
export interface SmallDisk {
  folder: string;
  /** Writes a file until no space is left. */
  fill(): void;
  /** Deletes the file of `fill`. */
  empty(): void;
}

/**
 * Mounts a file system of `mebibytes` until the end of the test. Undefined if this process may not mount: the caller
 * skips its test.
 */
export function mountSmallDisk(mebibytes: number, { readOnly = false } = {}): SmallDisk | undefined {
  const folder = mkdtempSync(join(tmpdir(), 'sluice disk #é '));
  const options = `size=${mebibytes}m${readOnly ? ',ro' : ',mode=755'}`;
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', options, 'tmpfs', folder]).status !== 0) {
    rmdirSync(folder);
    return undefined;
  }
  onTestFinished(() => {
    // Lazily: a process of the test may still have a file open.
    spawnSync('umount', ['-l', folder]);
    rmdirSync(folder);
  });
  const filler = join(folder, 'filler');
  return { folder, fill: () => fillUp(filler), empty: () => rmSync(filler, { force: true }) };
}

function fillUp(file: string): void {
  const chunk = Buffer.alloc(2 ** 20); // The last write stores a part of it.
  const fd = openSync(file, 'a');
  try {
    for (;;) writeSync(fd, chunk);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ENOSPC') throw thrown;
  } finally {
    closeSync(fd);
  }
}
