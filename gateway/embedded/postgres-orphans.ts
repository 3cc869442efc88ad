import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { join } from 'node:path';
import type { Logger } from '#shared/log/log.ts';

/** How long a left-over server may take to write its memory to disk before it is ended at once. */
const FAST_SHUTDOWN_MS = 15_000;
/** After the immediate shutdown, before the last processes are killed. */
const IMMEDIATE_SHUTDOWN_MS = 5_000;
const LOOK_AGAIN_MS = 20;

/**
 * Ends what an earlier process of ours left behind when it was killed: a server that still runs on this data folder,
 * backends whose postmaster died, and lock files that name a process which is no server of this folder.
 * The caller holds the folder's lock, so nothing found here belongs to a living Sluice.
 */
export async function endLeftovers(data: string, socket: string, log: Logger): Promise<void> {
  const postmaster = readPid(join(data, 'postmaster.pid'));
  const found = serversOf(data, postmaster);
  if (found.length > 0) {
    log.warn({ data, processes: found }, 'Postgres:Leftover:Stopping');
    // A clean end keeps the unlogged tables of runs under way; the harder ends empty them.
    if (postmaster !== undefined && found.includes(postmaster)) signal([postmaster], 'SIGINT');
    if (!(await ended(data, postmaster, FAST_SHUTDOWN_MS, found.includes(postmaster ?? 0)))) {
      signal(serversOf(data, postmaster), 'SIGQUIT');
      if (!(await ended(data, postmaster, IMMEDIATE_SHUTDOWN_MS))) signal(serversOf(data, postmaster), 'SIGKILL');
    }
  }
  // The server would refuse to start when another program has by now the number that these files name.
  for (const file of [join(data, 'postmaster.pid'), join(socket, '.s.PGSQL.5432.lock'), join(socket, '.s.PGSQL.5432')])
    rmSync(file, { force: true });
}

/** Waits until no server process is left. Orphaned backends never end by themselves, so without a postmaster there is nothing to wait for. */
async function ended(
  data: string,
  postmaster: number | undefined,
  milliseconds: number,
  worthWaiting = true,
): Promise<boolean> {
  const deadline = Date.now() + (worthWaiting ? milliseconds : 0);
  while (serversOf(data, postmaster).length > 0) {
    if (Date.now() >= deadline) return false;
    await wait(LOOK_AGAIN_MS);
  }
  return true;
}

/** Processes of a server on this data folder: every one of them works in that folder. */
function serversOf(data: string, postmaster: number | undefined): number[] {
  if (process.platform !== 'linux')
    return postmaster !== undefined && commandOf(postmaster).includes(data) ? [postmaster] : [];
  return readdirSync('/proc')
    .map(Number)
    .filter((pid) => Number.isInteger(pid) && worksIn(pid, data) && isPostgres(pid));
}

function worksIn(pid: number, folder: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/cwd`) === folder;
  } catch {
    return false; // It has ended, or is another user's.
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
      // It ended by itself.
    }
  }
}
