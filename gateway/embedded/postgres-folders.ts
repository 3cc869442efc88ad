import { createHash } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** A system account that the server runs as. */
export interface Account {
  uid: number;
  gid: number;
}

/** PostgreSQL refuses to run as root; then it runs as the owner of the system's PostgreSQL folder, else as nobody. */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = existsSync('/var/lib/postgresql') ? statSync('/var/lib/postgresql') : NOBODY;
  return uid === 0 ? NOBODY : { uid, gid };
}

const NOBODY: Account = { uid: 65534, gid: 65534 };
/** Where root's clusters go when the server's account cannot reach the folder asked for (a clone below /root). */
const ELSEWHERE = '/var/lib/sluice';
/** File in the folder asked for that says where the data is. */
const POINTER = 'DATA_IS_IN';

/**
 * The data folder, not always `directory` itself. It may be missing; its parent is there.
 * When the data is elsewhere, `directory` holds a pointer to it, so that it moves with a clone, and is forgotten when `.sluice` is deleted.
 */
export function dataFolder(directory: string, account: Account | undefined, elsewhere = ELSEWHERE): string {
  const pointer = join(directory, POINTER);
  if (existsSync(pointer)) return readFileSync(pointer, 'utf8').trim();
  mkdirSync(dirname(directory), { recursive: true });
  if (account === undefined || existsSync(join(directory, 'PG_VERSION')) || reachable(directory)) return directory;
  const data = join(elsewhere, shortName(directory));
  mkdirSync(elsewhere, { recursive: true });
  rmSync(data, { recursive: true, force: true }); // No pointer: it belonged to a folder of this name that was deleted.
  mkdirSync(directory, { recursive: true });
  writeFileSync(pointer, `${data}\n`);
  return data;
}

function reachable(directory: string): boolean {
  return foldersAbove(directory).every((folder) => (statSync(folder).mode & 0o001) !== 0);
}

function foldersAbove(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...foldersAbove(parent)];
}

/** Unix socket paths hold about 100 bytes, so the socket lives in a short folder named after the data folder. Throws SETUP_FAILED. */
export function socketFolder(data: string, account: Account | undefined): string {
  const folder = join(process.platform === 'linux' ? '/tmp' : tmpdir(), `sluice-${shortName(data)}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (account) chownSync(folder, account.uid, account.gid);
  // The socket lets its users in without a password; a folder that somebody else made first would let them in.
  const { uid, mode } = statSync(folder);
  if (uid !== (account?.uid ?? process.getuid?.()) || (mode & 0o077) !== 0) {
    throw new SluiceError(
      'SETUP_FAILED',
      `The folder ${folder} belongs to another user or is open to others. Delete it, then start again.`,
    );
  }
  return folder;
}

function shortName(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 12);
}
