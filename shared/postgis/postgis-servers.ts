import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { PgPostgis, type PgPostgisOptions } from './pg-postgis.ts';
import type { Postgis, PostgisServer, PostgisSession, SessionClaim, TableSession } from './postgis.ts';
import { rankServers, serverUrls } from './server-list.ts';

/** How long a server that did not respond gets no new runs. Then it is tried again, before a run is placed on it. */
const AWAY_MS = 5_000;
/** How long a server that did not respond before may need to respond. Then a run is placed on another one. */
const PROBE_MS = 1_000;
/** With several servers, a machine that is switched off must not delay runs for the minutes that TCP waits. */
const CONNECT_MS = 10_000;

/** Opens the servers of POSTGIS_URL. No connection is opened. Throws CONFIG_INVALID. */
export function openPostgis(postgisUrl: string, options: PgPostgisOptions = {}): Postgis {
  const urls = serverUrls(postgisUrl);
  const connect = urls.length > 1 ? { connectMs: CONNECT_MS } : {};
  return new PostgisServers(urls.map((url) => new PgPostgis(url, { ...connect, ...options })));
}

/** One or several servers. With one, runs are not placed, and errors do not name it. */
class PostgisServers implements Postgis {
  readonly servers: readonly PostgisServer[];
  #first: PostgisServer;
  /** Servers that did not respond, with the time of the last attempt. */
  #unreachable = new Map<string, number>();
  #probes = new Map<string, Promise<boolean>>();

  constructor(servers: readonly PostgisServer[]) {
    const [first] = servers;
    if (first === undefined) throw new SluiceError('CONFIG_INVALID', 'POSTGIS_URL is empty.');
    this.servers = servers;
    this.#first = first;
  }

  get #isSingle(): boolean {
    return this.servers.length === 1;
  }

  async chooseServer(runId: string): Promise<string | undefined> {
    if (this.#isSingle) return undefined;
    const names = this.servers.map(({ name }) => name);
    const ranked = rankServers(runId, names);
    for (const name of ranked) if (await this.#mayRespond(name)) return name;
    return ranked[0];
  }

  async openSession(claim: SessionClaim, signal: AbortSignal): Promise<PostgisSession> {
    const server = this.#serverOf(claim.runId, claim.server);
    if (this.#isSingle) return server.openSession(claim, signal);
    const session = await this.#connected(server, server.openSession(claim, signal));
    return {
      ...session,
      query: <R extends pg.QueryResultRow>(sql: string, values?: unknown[]) =>
        session.query<R>(sql, values).catch(naming(server)),
    };
  }

  /** Uses any server that responds. */
  async openTemporarySession(signal: AbortSignal): Promise<TableSession> {
    const server = this.#serverOf('', await this.chooseServer(randomUUID()));
    if (this.#isSingle) return server.openTemporarySession(signal);
    return this.#connected(server, server.openTemporarySession(signal));
  }

  async dropSchema(runId: string, server?: string): Promise<void> {
    await this.#serverOf(runId, server).dropSchema(runId);
  }

  async listRunSchemas(): Promise<string[]> {
    const lists = await Promise.all(this.servers.map((server) => server.listRunSchemas()));
    return [...new Set(lists.flat())].sort();
  }

  ping(): Promise<void> {
    return this.#any((server) => server.ping());
  }

  warmUp(): Promise<void> {
    return this.#any((server) => server.warmUp());
  }

  async close(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close()));
  }

  #serverOf(runId: string, name: string | undefined): PostgisServer {
    const server = name === undefined ? this.#first : this.servers.find((candidate) => candidate.name === name);
    if (server !== undefined) return server;
    throw new SluiceError(
      'POSTGIS_SERVER_REMOVED',
      `Run ${runId} is placed on PostGIS server ${name}, which POSTGIS_URL does not contain.`,
      { details: { run_id: runId, server: name } },
    );
  }

  /** False for a server that has not responded for less than AWAY_MS, and does not respond when it is tried again. */
  async #mayRespond(name: string): Promise<boolean> {
    const unreachableSince = this.#unreachable.get(name);
    if (unreachableSince === undefined) return true;
    if (performance.now() - unreachableSince < AWAY_MS) return false;
    let probe = this.#probes.get(name);
    if (probe === undefined) {
      probe = this.#probe(name).finally(() => this.#probes.delete(name));
      this.#probes.set(name, probe);
    }
    return probe;
  }

  async #probe(name: string): Promise<boolean> {
    const server = this.servers.find((candidate) => candidate.name === name);
    const pinged = server?.ping().then(
      () => true,
      () => false,
    );
    const responds = (await Promise.race([pinged, sleep(PROBE_MS, false, { ref: false })])) === true;
    if (responds) this.#unreachable.delete(name);
    else this.#unreachable.set(name, performance.now());
    return responds;
  }

  /** Records whether the server responded to an attempt to connect. */
  async #connected<T>(server: PostgisServer, attempt: Promise<T>): Promise<T> {
    try {
      const result = await attempt;
      this.#unreachable.delete(server.name);
      return result;
    } catch (thrown) {
      if (isUnavailable(thrown)) this.#unreachable.set(server.name, performance.now());
      return naming(server, { session_opened: false })(thrown);
    }
  }

  /** Resolves when the work succeeded on one server. Rejects with the error of the first server when all failed. */
  async #any(work: (server: PostgisServer) => Promise<void>): Promise<void> {
    if (this.#isSingle) return work(this.#first);
    try {
      await Promise.any(this.servers.map((server) => this.#connected(server, work(server))));
    } catch (thrown) {
      throw (thrown as AggregateError).errors[0];
    }
  }
}

function isUnavailable(thrown: unknown): thrown is SluiceError {
  return thrown instanceof SluiceError && thrown.code === 'DATABASE_UNAVAILABLE';
}

/** Throws the error again; DATABASE_UNAVAILABLE with the name of the server. */
function naming(server: PostgisServer, details: Record<string, unknown> = {}): (thrown: unknown) => never {
  return (thrown) => {
    if (!isUnavailable(thrown)) throw thrown;
    throw new SluiceError(thrown.code, `PostGIS server ${server.name}: ${thrown.message}`, {
      details: { ...thrown.details, server: server.name, ...details },
      cause: thrown.cause,
    });
  };
}
