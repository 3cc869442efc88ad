import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { dataFolder, serverAccount } from '../gateway/embedded/postgres-folders.ts';

/** Clusters for tests that stop their PostgreSQL server. They are copies, which take less time than initdb. */

/** Copies the data folder of a cluster without a server. `startPostgres(directory)` then starts the copy. */
export function copyCluster(data: string, directory: string): void {
  // The copied files keep their owner, the account of the server.
  execFileSync('cp', ['-a', data, dataFolder(directory, serverAccount())]);
}

/** A new folder with an initialized cluster. */
export interface ClusterFolder {
  folder: string;
  /** The argument of startPostgres. */
  directory: string;
  /** Deletes everything. */
  remove(): void;
}

export function newCluster(): ClusterFolder {
  const folder = mkdtempSync(join(tmpdir(), 'sluice-cluster-'));
  chmodSync(folder, 0o755); // The server may run as another user.
  const directory = join(folder, 'postgres');
  copyCluster(inject('emptyCluster'), directory);
  return {
    folder,
    directory,
    remove: () => {
      for (const path of [dataFolder(directory, serverAccount()), folder])
        rmSync(path, { recursive: true, force: true });
    },
  };
}
