import { rmSync } from 'node:fs';
import { resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { asSluiceError, type SluiceError } from '#shared/errors/sluice-error.ts';
import { type Logger, SILENT_LOG } from '#shared/log/log.ts';
import { lockFolder } from './folder-lock.ts';
import { dataFolder, serverAccount, socketFolder } from './postgres-folders.ts';
import { endLeftovers } from './postgres-orphans.ts';
import {
  binariesFor,
  type Cluster,
  databaseUrl,
  ensureCluster,
  type ServerProcess,
  startServer,
} from './postgres-server.ts';

/** A private PostgreSQL cluster, reached over a unix socket only, so that it needs no port. */
export interface EmbeddedPostgres {
  /** URL of a database of this cluster; it is created when needed. */
  database(name: string, options?: { postgis?: boolean }): Promise<string>;
  /** The server's process; another one after it died and was started again. */
  readonly pid: number;
  /** Where the data is; not always the folder that was asked for. */
  data: string;
  stop(): Promise<void>;
}

export interface PostgresOptions {
  log?: Logger;
  /** Called once when the server died and cannot be started again. */
  onGiveUp?: (error: SluiceError) => void;
}

/**
 * Starts the cluster in `directory`, which is initialized when it is empty, and starts it again whenever it dies.
 * What an earlier, killed process left running in it is ended first. Throws SETUP_FAILED, also when another process uses the folder.
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
      account,
    };
    await endLeftovers(data, cluster.socket, log);
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

/** Waits before the first, second, … try to start a server that died; after the last one it is given up. */
const RESTART_AFTER_MS = [0, 100, 500, 1_000, 2_000, 5_000, 10_000];

/** Starts the server again whenever it ends and nobody asked for it. */
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
      this.#log.error({ pid: this.#server.pid, log: this.#cluster.logFile }, 'Postgres:Server:Died');
      if (!(await this.#restart())) return;
    }
  }

  /** False when it was given up or is not wanted any more. */
  async #restart(): Promise<boolean> {
    let last: unknown;
    for (const milliseconds of RESTART_AFTER_MS) {
      await wait(milliseconds, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopping.signal.aborted) return false;
      try {
        await endLeftovers(this.#cluster.data, this.#cluster.socket, this.#log); // Backends outlive a postmaster that was killed.
        this.#server = await startServer(this.#cluster);
        if (this.#stopping.signal.aborted)
          await this.#server.stop(); // `stop` came while it was starting.
        else this.#log.warn({ pid: this.#server.pid }, 'Postgres:Server:StartedAgain');
        return true;
      } catch (thrown) {
        last = thrown;
        this.#log.error({ reason: thrown }, 'Postgres:Server:StartFailed');
      }
    }
    this.#onGiveUp?.(asSluiceError(last));
    return false;
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
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
