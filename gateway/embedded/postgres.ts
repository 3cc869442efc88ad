import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { asSluiceError, type SluiceError } from '#shared/errors/sluice-error.ts';
import { type Logger, SILENT_LOG } from '#shared/log/log.ts';
import { lockFolder } from './home-folder.ts';
import { dataFolder, serverAccount, socketFolder, stopOrphans } from './postgres-folders.ts';
import {
  binariesFor,
  type Cluster,
  databaseUrl,
  ensureCluster,
  type ServerProcess,
  startServer,
} from './postgres-server.ts';

/** The embedded PostgreSQL cluster. It listens on a Unix socket only, so it needs no port. */
export interface EmbeddedPostgres {
  /** The URL of a database of this cluster, which is created if it is missing. */
  database(name: string, options?: { postgis?: boolean }): Promise<string>;
  /** Process id of the server. It changes when the server is restarted. */
  readonly pid: number;
  /** The data folder, see `dataFolder`. */
  data: string;
  stop(): Promise<void>;
}

export interface PostgresOptions {
  log?: Logger;
  /** Address space limit of each server process, in bytes. */
  memoryBytes?: number;
  /** Called when the server has ended and cannot be restarted. */
  onGiveUp?: (error: SluiceError) => void;
}

/**
 * Starts the cluster in `directory`, and restarts the server when it ends. Initializes an empty folder. Stops the
 * server processes of a killed Sluice first. Throws SETUP_FAILED, even if another process uses the folder.
 */
export async function startPostgres(directory: string, options: PostgresOptions = {}): Promise<EmbeddedPostgres> {
  const log = options.log ?? SILENT_LOG;
  const account = serverAccount();
  const data = dataFolder(resolve(directory), account);
  const lock = lockFolder(`${data}.lock`, 'The PostgreSQL server of Sluice');
  try {
    const cluster: Cluster = {
      bin: binariesFor(data),
      data,
      socket: socketFolder(data, account),
      logFile: `${data}.log`,
      memoryBytes: options.memoryBytes,
      account,
    };
    await stopOrphans(data, cluster.socket, log);
    await ensureCluster(cluster);
    const server = new Supervisor(cluster, await startServer(cluster), log, options.onGiveUp);
    return {
      get pid() {
        return server.pid;
      },
      data,
      database: async (name, { postgis = false } = {}) => {
        const url = databaseUrl(cluster.socket, name);
        await createDatabase(databaseUrl(cluster.socket, 'postgres'), name);
        if (postgis) await withClient(url, (client) => client.query('create extension if not exists postgis'));
        return url;
      },
      stop: async () => {
        await server.stop();
        rmSync(cluster.socket, { recursive: true, force: true });
        lock.release();
      },
    };
  } catch (thrown) {
    lock.release();
    throw thrown;
  }
}

/** The delays before each attempt to restart a server that ended. When the last attempt fails, `onGiveUp` is called. */
const RESTART_DELAYS_MS = [0, 100, 500, 1_000, 2_000, 5_000, 10_000];
/** The delay while the disk is full. These attempts do not count, because an operator must free disk space. */
const FULL_DISK_DELAY_MS = 10_000;

/** Restarts the server when it ends without a request. */
class Supervisor {
  #cluster: Cluster;
  #server: ServerProcess;
  #log: Logger;
  #onGiveUp: PostgresOptions['onGiveUp'];
  #stopping = new AbortController();
  #watching: Promise<void>;

  constructor(cluster: Cluster, server: ServerProcess, log: Logger, onGiveUp: PostgresOptions['onGiveUp']) {
    this.#cluster = cluster;
    this.#server = server;
    this.#log = log;
    this.#onGiveUp = onGiveUp;
    this.#watching = this.#watch();
  }

  get pid(): number {
    return this.#server.pid;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#server.stop();
    await this.#watching;
  }

  async #watch(): Promise<void> {
    for (;;) {
      await this.#server.ended;
      if (this.#stopping.signal.aborted) return;
      this.#log.error({ pid: this.#server.pid, log: this.#cluster.logFile }, 'Postgres:Run:Failed');
      if (!(await this.#restart())) return;
    }
  }

  /** Returns false if all attempts failed or a stop was requested. */
  async #restart(): Promise<boolean> {
    let failures = 0;
    for (let delay = RESTART_DELAYS_MS[0]; ;) {
      await wait(delay, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopping.signal.aborted) return false;
      try {
        // Backends continue after their postmaster was killed.
        await stopOrphans(this.#cluster.data, this.#cluster.socket, this.#log);
        this.#server = await startServer(this.#cluster);
        if (this.#stopping.signal.aborted) await this.#server.stop();
        else this.#log.warn({ pid: this.#server.pid }, 'Postgres:Restart:Done');
        return true;
      } catch (thrown) {
        const error = asSluiceError(thrown);
        this.#log.error({ error: error.toDocument() }, 'Postgres:Restart:Failed');
        if (error.code === 'DISK_FULL') {
          delay = FULL_DISK_DELAY_MS;
          continue;
        }
        failures += 1;
        delay = RESTART_DELAYS_MS[failures];
        if (delay !== undefined) continue;
        this.#onGiveUp?.(error);
        return false;
      }
    }
  }
}

async function createDatabase(adminUrl: string, name: string): Promise<void> {
  await withClient(adminUrl, async (client) => {
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount === 0) await client.query(`create database ${pg.escapeIdentifier(name)}`);
  });
}

async function withClient(url: string, work: (client: pg.Client) => Promise<unknown>): Promise<void> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined); // The running statement rejects with the same error.
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
