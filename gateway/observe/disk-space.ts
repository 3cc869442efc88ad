import { statfs } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Env } from '#shared/config/env.ts';

/** The file system of a folder that Sluice writes to. */
export interface DiskSpace {
  /** The variable of the folder. */
  folder: 'SLUICE_HOME' | 'SCRATCH_DIR';
  path: string;
  /** What is free for the account of this process. */
  freeBytes: number;
  sizeBytes: number;
}

/** The disk space of the folders of this process. A folder that does not exist yet is left out. */
export async function readDiskSpace(env: Pick<Env, 'SLUICE_HOME' | 'SCRATCH_DIR'>): Promise<DiskSpace[]> {
  const home = resolve(env.SLUICE_HOME);
  const folders = [
    { folder: 'SLUICE_HOME', path: home },
    { folder: 'SCRATCH_DIR', path: env.SCRATCH_DIR === undefined ? join(home, 'scratch') : resolve(env.SCRATCH_DIR) },
  ] as const;
  const spaces = await Promise.all(
    folders.map(async ({ folder, path }) => {
      const system = await statfs(path).catch(() => undefined);
      if (system === undefined) return [];
      const { bsize, bavail, blocks } = system;
      return [{ folder, path, freeBytes: bavail * bsize, sizeBytes: blocks * bsize }];
    }),
  );
  return spaces.flat();
}
