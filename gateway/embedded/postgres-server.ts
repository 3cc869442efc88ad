import { spawn } from 'node:child_process';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statfsSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import pg from 'pg';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reportsFullDisk } from '#shared/errors/system-failure.ts';
import { findPostgres } from './postgres-programs.mjs';
import type { Account } from './postgres-folders.ts';

/** The folders and the programs of a cluster. */
export interface Cluster {
  bin: string;
  data: string;
  socket: string;
  logFile: string;
  /** Address space limit of each server process, in bytes. Undefined: no limit. */
  memoryBytes: number | undefined;
  account: Account | undefined;
}

/** One run of the server program. */
export interface ServerProcess {
  pid: number;
  /** Resolves when the process has ended. */
  ended: Promise<void>;
  /** Closes the sessions and keeps committed data. */
  stop(): Promise<void>;
}

export const DATABASE_USER = 'sluice';

/** Part of the name of the socket. Passed explicitly, because PGPORT in the environment would override the default. */
const PORT = 5432;

/** The server shares its machine with GDAL and Node.js, accepts no TCP connections, and is not replicated. */
const SETTINGS = [
  'listen_addresses=',
  `port=${PORT}`,
  'shared_buffers=256MB',
  'work_mem=64MB',
  'maintenance_work_mem=128MB',
  'max_wal_size=2GB',
  // Every function can run in its own process with a few connections.
  'max_connections=300',
  'max_parallel_workers_per_gather=2',
  'wal_level=minimal',
  'max_wal_senders=0',
  'max_logical_replication_workers=0',
  'jit=off',
  'timezone=UTC',
  'log_min_messages=warning',
  'log_line_prefix=%m [%p] %a ',
];

/**
 * Runs the server and a watcher. The watcher stops the server when standard input is closed without a line, which
 * happens when this process is killed. After a line, the watcher only ends itself. It runs as a grandchild of the
 * server's process: PostgreSQL would treat the end of a child as a crashed backend.
 *
 * The first argument is the limit of `ulimit -v` (RLIMIT_AS) in KiB. With it, a statement that needs too much memory
 * fails, and the kernel does not kill a process, which would end all sessions. macOS does not support this limit.
 */
const SERVER_AND_WATCHER =
  'ulimit -v "$1" 2>/dev/null; shift; ' +
  'exec 3<&0; ( ( read -r word <&3 || kill -INT $$ ) >/dev/null 2>&1 & ); exec "$@" </dev/null 3<&-';

/** A larger log file is truncated at the next start. */
const MAX_LOG_FILE_BYTES = 10 * 2 ** 20;
const POLL_MS = 20;
/** A fast shutdown takes milliseconds, and longer only after many changes since the last checkpoint. */
const FAST_SHUTDOWN_MS = 3_000;

/** Folder of the programs for a data folder: of its version, or the newest with PostGIS. Throws SETUP_FAILED. */
export function binariesFor(data: string): string {
  const servers = findPostgres().filter((server) => server.postgis);
  const required = existsSync(join(data, 'PG_VERSION'))
    ? Number(readFileSync(join(data, 'PG_VERSION'), 'utf8'))
    : undefined;
  const usable = servers.find((server) => required === undefined || server.version === required);
  if (usable !== undefined) return usable.bin;
  if (servers.length === 0)
    throw new SluiceError(
      'SETUP_FAILED',
      'PostgreSQL with PostGIS is not installed. `npm run setup` installs it or prints the command.',
    );
  throw new SluiceError(
    'SETUP_FAILED',
    `${data} was created by PostgreSQL ${required}, which is not installed. Install that version with PostGIS, ` +
      'or delete SLUICE_HOME to start without the data.',
  );
}

/**
 * Creates the cluster if it is missing, in a temporary folder that is renamed at the end. Throws DISK_FULL,
 * SETUP_FAILED.
 */
export async function ensureCluster({ bin, data, account }: Cluster): Promise<void> {
  if (existsSync(join(data, 'PG_VERSION'))) return;
  const unfinished = `${data}.new`;
  rmSync(unfinished, { recursive: true, force: true });
  mkdirSync(unfinished, { mode: 0o700 });
  if (account) chownSync(unfinished, account.uid, account.gid);
  const locale = process.platform === 'linux' ? 'C.UTF-8' : 'C';
  const { failed, all } = await execa(
    join(bin, 'initdb'),
    ['-D', unfinished, '-U', DATABASE_USER, '-A', 'trust', '-E', 'UTF8', `--locale=${locale}`, '--no-instructions'],
    {
      ...accountOptions(account),
      all: true,
      reject: false,
    },
  );
  if (failed) {
    rmSync(unfinished, { recursive: true, force: true });
    throw startError(data, `Could not create the data folder ${data}. Output of initdb: ${all}`, all ?? '');
  }
  rmSync(data, { recursive: true, force: true }); // Empty, or the result of an interrupted initdb.
  renameSync(unfinished, data);
}

/**
 * Starts the server and waits until it accepts connections. Throws DISK_FULL, and SETUP_FAILED with the output of the
 * server.
 */
export async function startServer(cluster: Cluster): Promise<ServerProcess> {
  const { bin, data, socket, account } = cluster;
  const logFile = openLog(cluster.logFile);
  const begin = statSync(cluster.logFile).size;
  const program = [join(bin, 'postgres'), '-D', data, '-k', socket, ...SETTINGS.flatMap((setting) => ['-c', setting])];
  const server = spawn('/bin/sh', ['-c', SERVER_AND_WATCHER, 'sh', addressSpace(cluster), ...program], {
    ...accountOptions(account),
    // A separate session, so that Ctrl-C in the terminal does not reach the server. Sluice stops it after its own work.
    detached: true,
    stdio: ['pipe', logFile, logFile],
  });
  closeSync(logFile);
  server.stdin?.on('error', () => undefined); // The watcher has ended.
  let running = true;
  // `error` without `exit`: /bin/sh could not be started.
  const ended = new Promise((resolve) => server.on('error', resolve).on('exit', resolve)).then(() => {
    running = false;
    server.stdin?.end('ended\n');
  });
  await untilReady(
    databaseUrl(socket, 'postgres'),
    () => running,
    () => {
      const output = readFileSync(cluster.logFile, 'utf8').slice(begin).trim();
      return startError(data, `PostgreSQL cannot start. Its output: ${output || 'none'}`, output);
    },
  );
  return {
    pid: server.pid ?? 0,
    ended,
    stop: async () => {
      server.kill('SIGINT'); // PostgreSQL's fast shutdown.
      // A statement in GEOS does not react to it. An immediate shutdown ends it; committed data are kept.
      const immediate = setTimeout(() => server.kill('SIGQUIT'), FAST_SHUTDOWN_MS);
      await ended;
      clearTimeout(immediate);
    },
  };
}

/** The argument of `ulimit -v`, in KiB. */
function addressSpace({ memoryBytes }: Cluster): string {
  return memoryBytes === undefined ? 'unlimited' : String(Math.floor(memoryBytes / 1024));
}

export function databaseUrl(socket: string, database: string): string {
  const parameters = `host=${encodeURIComponent(socket)}&port=${PORT}`;
  return `postgresql://${DATABASE_USER}@/${encodeURIComponent(database)}?${parameters}`;
}

function accountOptions(account: Account | undefined): {
  cwd: string;
  uid?: number;
  gid?: number;
  env: NodeJS.ProcessEnv;
} {
  return { cwd: '/', ...account, env: { ...process.env, LC_ALL: process.platform === 'linux' ? 'C.UTF-8' : 'C' } };
}

function openLog(file: string): number {
  if (existsSync(file) && statSync(file).size > MAX_LOG_FILE_BYTES) truncateSync(file);
  return openSync(file, 'a');
}

/** The socket is missing or not open yet, or the server closed the connection because it is recovering from a crash. */
const STARTING = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', '57P03']);
/** Message of `pg`, without a code, for a connection that the server closed before it sent anything. */
const CLOSED_EARLY = 'Connection terminated unexpectedly';

/** Whether a failed connection attempt means that the server is still starting. */
export function isStarting(thrown: unknown): boolean {
  const { code = '', message } = thrown as { code?: string; message?: string };
  return STARTING.has(code) || message === CLOSED_EARLY;
}

async function untilReady(url: string, isRunning: () => boolean, failure: () => SluiceError): Promise<void> {
  while (isRunning()) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined); // `connect` rejects with the same error.
    try {
      await client.connect();
      await client.end();
      return;
    } catch (thrown) {
      if (!isStarting(thrown))
        throw new SluiceError('SETUP_FAILED', `PostgreSQL rejected the connection: ${(thrown as Error).message}`, {
          cause: thrown,
        });
      await wait(POLL_MS);
    }
  }
  throw failure();
}

/** Size of a WAL segment. The server cannot run without free space for one. */
const WAL_SEGMENT_BYTES = 16 * 2 ** 20;

/** The error of a program of PostgreSQL that failed. On a full disk, its output may be missing too. */
function startError(data: string, message: string, output: string): SluiceError {
  const { bavail, bsize } = statfsSync(dirname(data));
  if (!reportsFullDisk(output) && bavail * bsize >= WAL_SEGMENT_BYTES) return new SluiceError('SETUP_FAILED', message);
  return new SluiceError('DISK_FULL', `PostgreSQL cannot start, because the disk of ${data} is full.`, {
    details: { folder: data, output },
  });
}
