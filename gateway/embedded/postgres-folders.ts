import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';

/** The system account of the server process. */
export interface Account {
  uid: number;
  gid: number;
}

/**
 * The account of the server if this process runs as root, because PostgreSQL does not run as root: the owner of the
 * system's PostgreSQL folder, else `nobody`.
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

/** Limit of a fast shutdown, in which the server writes its buffers to disk. An immediate shutdown follows. */
const FAST_SHUTDOWN_MS = 15_000;
/** Limit of the immediate shutdown. Then the remaining processes are killed. */
const IMMEDIATE_SHUTDOWN_MS = 5_000;
const POLL_MS = 20;

/**
 * Stops the server processes of a killed Sluice: a server that still runs on this data folder, and backends whose
 * postmaster ended. Removes their lock files. The caller holds the lock of the folder, so no running Sluice uses them.
 */
export async function stopOrphans(data: string, socket: string, log: Logger): Promise<void> {
  const postmaster = readPid(join(data, 'postmaster.pid'));
  const found = serversOf(data, postmaster);
  if (found.length > 0) {
    log.warn({ data, processes: found }, 'Postgres:Stop:Requested');
    // A fast shutdown keeps the unlogged tables of running runs. The other ways empty them.
    // Backends without a postmaster do not end themselves, so waiting for them would be useless.
    const hasPostmaster = postmaster !== undefined && found.includes(postmaster);
    if (hasPostmaster) signal([postmaster], 'SIGINT');
    if (!(await haveEnded(data, postmaster, hasPostmaster ? FAST_SHUTDOWN_MS : 0))) {
      signal(serversOf(data, postmaster), 'SIGQUIT');
      if (!(await haveEnded(data, postmaster, IMMEDIATE_SHUTDOWN_MS))) signal(serversOf(data, postmaster), 'SIGKILL');
    }
  }
  // The server does not start if another process now has the process id in these files.
  for (const file of [join(data, 'postmaster.pid'), join(socket, '.s.PGSQL.5432.lock'), join(socket, '.s.PGSQL.5432')])
    rmSync(file, { force: true });
}

/** Waits until no server process is running. Returns false after `milliseconds`. */
async function haveEnded(data: string, postmaster: number | undefined, milliseconds: number): Promise<boolean> {
  const deadline = Date.now() + milliseconds;
  while (serversOf(data, postmaster).length > 0) {
    if (Date.now() >= deadline) return false;
    await wait(POLL_MS);
  }
  return true;
}

/** The server processes of a data folder, which is their working directory. */
function serversOf(data: string, postmaster: number | undefined): number[] {
  if (process.platform !== 'linux')
    return postmaster !== undefined && commandOf(postmaster).includes(data) ? [postmaster] : [];
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && hasWorkingFolder(pid, data) && isPostgres(pid));
}

function hasWorkingFolder(pid: number, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === folder;
  } catch {
    return false; // The process has ended, or belongs to another user.
  }
}

function isPostgres(pid: number): boolean {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').startsWith('postgres');
  } catch {
    return false;
  }
}

function commandOf(pid: number): string {
  try {
    return execFileSync('ps', ['-o', 'command=', '-p', String(pid)], { encoding: 'utf8' });
  } catch {
    return '';
  }
}

function readPid(file: string): number | undefined {
  try {
    return Number(readFileSync(file, 'utf8').split('\n', 1)[0]) || undefined;
  } catch {
    return undefined;
  }
}

function signal(processes: number[], name: NodeJS.Signals): void {
  for (const pid of processes) {
    try {
      process.kill(pid, name);
    } catch {
      // The process has ended already.
    }
  }
}
