import { createHash } from 'node:crypto';
import { chownSync, existsSync, mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** The system account of the server process. */
export interface Account {
  uid: number;
  gid: number;
}

/**
 * The account of the server if this process runs as root, because PostgreSQL refuses root: the owner of the system's
 * PostgreSQL folder, else `nobody`.
 */
export function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = existsSync('/var/lib/postgresql') ? statSync('/var/lib/postgresql') : NOBODY;
  return uid === 0 ? NOBODY : { uid, gid };
}

const NOBODY: Account = { uid: 65534, gid: 65534 };
/** Folder of the data if the server's account cannot access the requested folder, for example below /root. */
const FALLBACK_ROOT = '/var/lib/sluice';
/** File in the requested folder with the path of the data folder. */
const POINTER = 'DATA_IS_IN';

/**
 * The data folder: `directory`, or a folder below `fallbackRoot` if the server's account cannot access `directory`.
 * Then `directory` contains a pointer file, so that deleting `.sluice` also abandons the data. The data folder may be
 * missing; its parent exists.
 */
export function dataFolder(directory: string, account: Account | undefined, fallbackRoot = FALLBACK_ROOT): string {
  const pointer = join(directory, POINTER);
  if (existsSync(pointer)) return readFileSync(pointer, 'utf8').trim();
  mkdirSync(dirname(directory), { recursive: true });
  if (account === undefined || existsSync(join(directory, 'PG_VERSION')) || isAccessible(directory)) return directory;
  const data = join(fallbackRoot, shortName(directory));
  mkdirSync(fallbackRoot, { recursive: true });
  rmSync(data, { recursive: true, force: true }); // Without a pointer: data of a deleted folder with this name.
  mkdirSync(directory, { recursive: true });
  writeFileSync(pointer, `${data}\n`);
  return data;
}

function isAccessible(directory: string): boolean {
  return foldersAbove(directory).every((folder) => (statSync(folder).mode & 0o001) !== 0);
}

function foldersAbove(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...foldersAbove(parent)];
}

/**
 * The folder of the Unix socket, with a name derived from the data folder. The path of a socket is limited to about 100
 * bytes. Throws SETUP_FAILED.
 */
export function socketFolder(data: string, account: Account | undefined): string {
  const folder = join(process.platform === 'linux' ? '/tmp' : tmpdir(), `sluice-${shortName(data)}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (account) chownSync(folder, account.uid, account.gid);
  // The socket requires no password, so only the account of the server may have access to its folder.
  const { uid, mode } = statSync(folder);
  if (uid !== (account?.uid ?? process.getuid?.()) || (mode & 0o077) !== 0) {
    throw new SluiceError(
      'SETUP_FAILED',
      `Folder ${folder} belongs to another user or other users have access to it. Delete it, then start again.`,
    );
  }
  return folder;
}

function shortName(path: string): string {
  return createHash('sha256').update(path).digest('hex').slice(0, 12);
}
