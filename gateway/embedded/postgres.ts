import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, chownSync, statSync, accessSync, constants } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { execa, type ResultPromise } from 'execa';
import pg from 'pg';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** A private PostgreSQL cluster, reached over a unix socket only, so that it needs no port. */
export interface EmbeddedPostgres {
  /** URL of a database of this cluster; it is created when needed. */
  database(name: string, options?: { postgis?: boolean }): Promise<string>;
  pid: number;
  /** Where the data is; not always the folder that was asked for. */
  data: string;
  stop(): Promise<void>;
}

const DATABASE_USER = 'sluice';

/** Starts the cluster in `directory`, which is initialised when it is empty. Throws SETUP_FAILED. */
export async function startPostgres(directory: string): Promise<EmbeddedPostgres> {
  const bin = findBinaries();
  const account = serverAccount();
  const data = dataFolder(resolve(directory), account);
  const socket = socketFolder(data, account);
  const run = (program: string, args: string[]) =>
    execa(join(bin, program), args, { cwd: '/', ...(account ? { uid: account.uid, gid: account.gid } : {}), env: { LC_ALL: 'C.UTF-8' } });

  if (!existsSync(join(data, 'PG_VERSION'))) {
    await run('initdb', ['-D', data, '-U', DATABASE_USER, '-A', 'trust', '-E', 'UTF8', '--locale=C.UTF-8', '--no-instructions']);
  }
  const server: ResultPromise = execa(join(bin, 'postgres'), ['-D', data, '-k', socket, ...SETTINGS.flatMap((setting) => ['-c', setting])], {
    cwd: '/', ...(account ? { uid: account.uid, gid: account.gid } : {}), stdio: ['ignore', 'ignore', 'pipe'], buffer: false, reject: false,
  });
  let said = '';
  server.stderr?.on('data', (chunk: Buffer) => { said = (said + chunk.toString()).slice(-4096); });
  const url = (name: string) => `postgresql://${DATABASE_USER}@/${name}?host=${encodeURIComponent(socket)}`;
  await answers(url('postgres'), server, () => said);
  return {
    pid: server.pid ?? 0,
    data,
    database: async (name, options = {}) => {
      await createDatabase(url('postgres'), name);
      if (options.postgis) await query(url(name), 'create extension if not exists postgis');
      return url(name);
    },
    stop: async () => {
      server.kill('SIGINT'); // Fast shutdown: ends sessions, keeps what was committed.
      await server;
    },
  };
}

/** Reasons: one machine is shared with GDAL and Node; nobody connects over TCP. */
const SETTINGS = [
  'listen_addresses=', 'max_connections=100', 'shared_buffers=256MB', 'work_mem=64MB', 'maintenance_work_mem=128MB', 'max_wal_size=2GB',
  'max_parallel_workers_per_gather=2', 'wal_level=minimal', 'max_wal_senders=0', 'jit=off', 'log_min_messages=warning', 'timezone=UTC',
];

/** Newest installed server that has PostGIS, of Debian's layout, Homebrew's, or the PATH. */
export function findBinaries(): string {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root).filter((name) => existsSync(join(root, name, 'bin', 'postgres'))) : [];
  const newest = versions.sort((a, b) => Number(b) - Number(a)).find((version) => existsSync(`/usr/share/postgresql/${version}/extension/postgis.control`));
  if (newest) return join(root, newest, 'bin');
  for (const folder of (process.env.PATH ?? '').split(':')) if (folder && existsSync(join(folder, 'initdb'))) return folder;
  throw new SluiceError('SETUP_FAILED', 'PostgreSQL with PostGIS is not installed. Run npm run setup: it installs it, or prints the command.');
}

interface Account { uid: number; gid: number }

/** PostgreSQL refuses to run as root; then it runs as the owner of the system's PostgreSQL folder, else as nobody. */
function serverAccount(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const { uid, gid } = existsSync('/var/lib/postgresql') ? statSync('/var/lib/postgresql') : { uid: 65534, gid: 65534 };
  return { uid, gid };
}

/** The data folder; outside `directory` when the server's account can't reach it (a clone below /root). */
function dataFolder(directory: string, account: Account | undefined): string {
  const reachable = account === undefined || foldersAbove(directory).every((folder) => !existsSync(folder) || (statSync(folder).mode & 0o001) !== 0);
  const data = reachable ? directory : join('/var/lib/sluice', createHash('sha256').update(directory).digest('hex').slice(0, 12));
  mkdirSync(dirname(data), { recursive: true });
  if (!existsSync(data)) mkdirSync(data, { mode: 0o700 });
  if (account) chownSync(data, account.uid, account.gid);
  return data;
}

function foldersAbove(path: string): string[] {
  const parent = dirname(path);
  return parent === path ? [] : [parent, ...foldersAbove(parent)];
}

/** Unix socket paths hold about 100 bytes, so the socket lives in a short folder named after the data folder. */
function socketFolder(data: string, account: Account | undefined): string {
  const folder = join(process.platform === 'linux' ? '/tmp' : tmpdir(), `sluice-${createHash('sha256').update(data).digest('hex').slice(0, 12)}`);
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (account) chownSync(folder, account.uid, account.gid);
  accessSync(folder, constants.W_OK);
  return folder;
}

async function answers(url: string, server: ResultPromise, said: () => string): Promise<void> {
  let exited = false;
  void server.then(() => { exited = true; });
  for (;;) {
    try {
      return await query(url, 'select 1');
    } catch (thrown) {
      if (exited) throw new SluiceError('SETUP_FAILED', `PostgreSQL does not start: ${said()}`, { cause: thrown });
      await new Promise((done) => setTimeout(done, 50));
    }
  }
}

async function query(url: string, sql: string): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    await client.query(sql);
  } finally {
    await client.end();
  }
}

async function createDatabase(url: string, name: string): Promise<void> {
  await query(url, `create database ${pg.escapeIdentifier(name)}`).catch((thrown: unknown) => {
    if ((thrown as { code?: string }).code !== '42P04') throw thrown; // It exists.
  });
}
