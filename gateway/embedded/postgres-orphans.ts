import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { setTimeout as wait } from 'node:timers/promises';
import { join } from 'node:path';
import type { Logger } from '#shared/log/log.ts';

/** Limit of a fast shutdown, in which the server writes its buffers to disk. An immediate shutdown follows. */
const FAST_SHUTDOWN_MS = 15_000;
/** Limit of the immediate shutdown. Then the remaining processes are killed. */
const IMMEDIATE_SHUTDOWN_MS = 5_000;
const POLL_MS = 20;

/**
 * Stops the server processes of a killed Sluice: a server that still runs on this data folder, and backends whose
 * postmaster died. Removes their lock files. The caller holds the lock of the folder, so no running Sluice uses them.
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
  // The server refuses to start if another process now has the process id in these files.
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
