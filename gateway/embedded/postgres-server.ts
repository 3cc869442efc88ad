import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chownSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { execa } from 'execa';
import pg from 'pg';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { findPostgres } from './postgres-programs.mjs';
import type { Account } from './postgres-folders.ts';

/** Where a cluster is and which programs serve it. */
export interface Cluster {
  bin: string;
  data: string;
  socket: string;
  logFile: string;
  account: Account | undefined;
}

/** One run of the server program. */
export interface ServerProcess {
  pid: number;
  /** Resolves when it has ended, for whatever reason. */
  ended: Promise<void>;
  /** Ends its sessions and keeps what was committed. */
  stop(): Promise<void>;
}

export const DATABASE_USER = 'sluice';

/** Named everywhere, or PGPORT of the environment would decide. It is only the name of the socket. */
const PORT = 5432;

/** Reasons: one machine is shared with GDAL and Node; nobody connects over TCP; nothing is replicated. */
const SETTINGS = [
  'listen_addresses=',
  `port=${PORT}`,
  'shared_buffers=256MB',
  'work_mem=64MB',
  'maintenance_work_mem=128MB',
  'max_wal_size=2GB',
  // Every function can be a process of its own, with a few connections each.
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
 * Runs the server with a watcher beside it, which ends the server when our end of the pipe closes without a word: that
 * happens when this process is killed, so a killed Sluice leaves no server behind. A word on the pipe ends the watcher alone.
 * The watcher is a grandchild, or the server would take its end for the crash of a backend.
 */
const SERVER_AND_WATCHER =
  'exec 3<&0; ( ( read -r word <&3 || kill -INT $$ ) >/dev/null 2>&1 & ); exec "$@" </dev/null 3<&-';

/** A log of the server that grew past this is begun anew. */
const LOG_FILE_BYTES = 10 * 2 ** 20;
const TRY_AGAIN_MS = 20;

/** The programs for this data folder: of the version that made it, else the newest with PostGIS. Throws SETUP_FAILED. */
export function binariesFor(data: string): string {
  const servers = findPostgres().filter((server) => server.postgis);
  const made = existsSync(join(data, 'PG_VERSION'))
    ? Number(readFileSync(join(data, 'PG_VERSION'), 'utf8'))
    : undefined;
  const fitting = servers.find((server) => made === undefined || server.version === made);
  if (fitting !== undefined) return fitting.bin;
  if (servers.length === 0)
    throw new SluiceError(
      'SETUP_FAILED',
      'PostgreSQL with PostGIS is not installed. Run npm run setup: it installs it, or prints the command.',
    );
  throw new SluiceError(
    'SETUP_FAILED',
    `${data} was made by PostgreSQL ${made}, which is not installed any more. Install that version with PostGIS, or delete SLUICE_HOME to begin anew.`,
  );
}

/** Makes the cluster when there is none. A cut-off attempt leaves nothing that looks like one. Throws SETUP_FAILED. */
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
  if (failed)
    throw new SluiceError('SETUP_FAILED', `PostgreSQL cannot make its data folder ${data}. initdb said: ${all}`);
  rmSync(data, { recursive: true, force: true }); // An empty folder, or one that no initdb finished.
  renameSync(unfinished, data);
}

/** Starts the server and waits until it answers. Throws SETUP_FAILED with what it said. */
export async function startServer(cluster: Cluster): Promise<ServerProcess> {
  const { bin, data, socket, account } = cluster;
  const logFile = openLog(cluster.logFile);
  const begin = statSync(cluster.logFile).size;
  const program = [join(bin, 'postgres'), '-D', data, '-k', socket, ...SETTINGS.flatMap((setting) => ['-c', setting])];
  const server = spawn('/bin/sh', ['-c', SERVER_AND_WATCHER, 'sh', ...program], {
    ...accountOptions(account),
    // Its own session: Ctrl-C in the terminal is for us; we end the server when the work is put down.
    detached: true,
    stdio: ['pipe', logFile, logFile],
  });
  closeSync(logFile);
  server.stdin?.on('error', () => undefined); // The watcher is gone already.
  let running = true;
  const ended = once(server, 'exit').then(() => {
    running = false;
    server.stdin?.end('ended\n');
  });
  await answers(
    databaseUrl(socket, 'postgres'),
    () => running,
    () => readFileSync(cluster.logFile, 'utf8').slice(begin),
  );
  return {
    pid: server.pid ?? 0,
    ended,
    stop: async () => {
      server.kill('SIGINT'); // PostgreSQL's fast shutdown.
      await ended;
    },
  };
}

export function databaseUrl(socket: string, database: string): string {
  return `postgresql://${DATABASE_USER}@/${encodeURIComponent(database)}?host=${encodeURIComponent(socket)}&port=${PORT}`;
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
  if (existsSync(file) && statSync(file).size > LOG_FILE_BYTES) truncateSync(file);
  return openSync(file, 'a');
}

/** No socket yet, nobody listening, still recovering from a crash (which a server says, and hangs up, perhaps before it was asked). */
const STARTING = new Set(['ENOENT', 'ECONNREFUSED', 'ECONNRESET', 'EPIPE', '57P03']);
/** What `pg` says, without a code, of a connection that ended before the server said anything. */
const HUNG_UP = 'Connection terminated unexpectedly';

/** Whether an attempt to connect failed as it does with a server that is about to answer. */
export function isStarting(thrown: unknown): boolean {
  const { code = '', message } = thrown as { code?: string; message?: string };
  return STARTING.has(code) || message === HUNG_UP;
}

async function answers(url: string, isRunning: () => boolean, said: () => string): Promise<void> {
  while (isRunning()) {
    const client = new pg.Client({ connectionString: url });
    client.on('error', () => undefined); // `connect` rejects with the same error.
    try {
      await client.connect();
      await client.end();
      return;
    } catch (thrown) {
      if (!isStarting(thrown))
        throw new SluiceError('SETUP_FAILED', `PostgreSQL answers with an error: ${(thrown as Error).message}`, {
          cause: thrown,
        });
      await wait(TRY_AGAIN_MS);
    }
  }
  throw new SluiceError('SETUP_FAILED', `PostgreSQL does not start. It said: ${said().trim() || 'nothing'}`);
}
