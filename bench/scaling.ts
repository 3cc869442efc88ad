import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import pg from 'pg';
import { startObjectStore } from '../gateway/embedded/object-store.ts';
import { startPostgres } from '../gateway/embedded/postgres.ts';
import { isArchived } from '#shared/run-control/resume-run.ts';
import { finished, sendManifest, uploadFiles } from './batch.ts';
import { polygonFile, type PolygonFile } from './data.ts';
import { type Instance, startInstance } from './instance.ts';
import { ownSeconds, treeSeconds } from './process-time.ts';
import type { Benchmark, Measure } from './report.ts';
import type { RunCosts } from './scaling-model.ts';

/**
 * Measures the processor time of a run on each part of an installation with a PostgreSQL server for the queue, one for
 * the ledger, and two with PostGIS. Processor times depend less on the load of the machine than seconds do.
 * scaling-table.ts computes the rates of larger installations from the recorded result.
 */

/** The workloads, with the number of measured batches. */
const WORKLOADS = [
  { polygons: 1_000, batches: 40 },
  { polygons: 50_000, batches: 4 },
] as const;
const WARM_UP = 3;
/** PostgreSQL publishes its statistics with this delay, at most. */
const STATISTICS_MS = 2_000;
const SAMPLE_MS = 500;
const POLL_MS = 1_000;

interface Servers {
  queue: Server;
  ledger: Server;
  postgis: [Server, Server];
}
interface Server {
  url: string;
  pid: number;
  stop(): Promise<void>;
}

export async function benchScaling(): Promise<Benchmark> {
  await mkdir('.cache/bench', { recursive: true });
  const home = await mkdtemp(resolve('.cache/bench/scaling-'));
  const servers: Servers = {
    queue: await startServer(home, 'queue'),
    ledger: await startServer(home, 'ledger'),
    postgis: [await startServer(home, 'spatial_1'), await startServer(home, 'spatial_2')],
  };
  const token = randomBytes(20).toString('hex');
  const keys = { accessKeyId: 'SLUICEBENCH', secretAccessKey: randomBytes(20).toString('hex') };
  // The object store runs in this process, so that the gateway process contains the router only.
  let notify: (body: unknown) => void = () => undefined;
  const store = await startObjectStore({
    directory: join(home, 's3'),
    port: 0,
    buckets: ['landing-zone', 'data-lake'],
    keys,
    onNotification: (body) => notify(body),
  });
  const instance = await startInstance({
    S3_ENDPOINT: store.endpoint,
    S3_ACCESS_KEY_ID: keys.accessKeyId,
    S3_SECRET_ACCESS_KEY: keys.secretAccessKey,
    WEBHOOK_TOKEN: token,
    CONTROL_DATABASE_URL: servers.queue.url,
    LEDGER_URL: servers.ledger.url,
    POSTGIS_URL: servers.postgis.map(({ url }) => url).join(' '),
  });
  notify = (body) =>
    void fetch(`${instance.url}/webhooks/minio`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  try {
    const measures: Measure[] = [];
    const repeats: Record<string, number>[] = [];
    for (const { polygons, batches } of WORKLOADS) {
      const workload = await measure(instance, servers, await polygonFile(polygons), batches);
      measures.push(...workload.measures.map((each) => ({ ...each, name: `${polygons} polygons: ${each.name}` })));
      repeats.push({ polygons, ...workload.costs });
    }
    const title = 'Processor time, transactions and connections of a run, with a database server for each part';
    return { name: 'scaling', title, measures, repeats };
  } finally {
    await instance.stop();
    await store.stop();
    for (const server of [servers.queue, servers.ledger, ...servers.postgis]) await server.stop();
    await rm(home, { recursive: true, force: true });
  }
}

async function startServer(home: string, name: string): Promise<Server> {
  const postgres = await startPostgres(join(home, name));
  return {
    url: await postgres.database(name, { postgis: name.startsWith('spatial') }),
    pid: postgres.pid,
    stop: async () => {
      await postgres.stop();
      await rm(postgres.data, { recursive: true, force: true });
    },
  };
}

async function measure(instance: Instance, servers: Servers, file: PolygonFile, batches: number) {
  await processBatches(instance, file, `warm-${file.shp.length}`, WARM_UP);
  const connections = await watchConnections(servers);
  const before = await readUsage(instance, servers);
  const seconds = await processBatches(instance, file, `m${batches}`, batches);
  await wait(STATISTICS_MS);
  const after = await readUsage(instance, servers);
  const perRun = (name: keyof typeof before) => (after[name] - before[name]) / batches;
  const costs: RunCosts = {
    postgis: perRun('postgis'),
    functions: perRun('functions'),
    ledger: perRun('ledger'),
    queue: perRun('queue'),
    router: perRun('router'),
  };
  const peak = await connections.stop();
  const measures: Measure[] = [
    ...Object.entries(costs).map(([part, value]): Measure => ({
      name: `processor time of a run, ${part}`,
      value,
      unit: 's',
    })),
    { name: 'transactions of a run, ledger', value: perRun('ledgerTransactions'), unit: 'transactions' },
    { name: 'transactions of a run, queue', value: perRun('queueTransactions'), unit: 'transactions' },
    ...Object.entries(peak).map(([name, value]): Measure => ({
      name: `most connections, ${name}`,
      value,
      unit: 'connections',
    })),
    { name: `this machine: batches a minute`, value: (batches / seconds) * 60, unit: 'batches/min' },
  ];
  return { costs, measures };
}

/** Returns the seconds from the first manifest to the last archived run. */
async function processBatches(instance: Instance, file: PolygonFile, label: string, count: number): Promise<number> {
  const ids = Array.from({ length: count }, (_, index) => `${label}-${count}-${index}`);
  for (const id of ids) await uploadFiles(instance, id, file);
  const sent = await Promise.all(ids.map((id) => sendManifest(instance, id, file)));
  await untilArchived(instance, ids);
  const results = [];
  for (const [index, id] of ids.entries()) results.push(await finished(instance, id, sent[index] ?? 0));
  return (Math.max(...results.map(({ archivedAt }) => archivedAt)) - Math.min(...sent)) / 1000;
}

/** Reads the ledger rarely, because its processor time is measured. */
async function untilArchived({ ledger }: Instance, ids: readonly string[]): Promise<void> {
  for (;;) {
    const runs = await ledger.listRuns({ limit: ids.length });
    if (ids.every((id) => runs.some((run) => run.batch_id === id && isArchived(run)))) return;
    await wait(POLL_MS);
  }
}

async function readUsage({ pid }: Instance, { queue, ledger, postgis }: Servers) {
  const router = ownSeconds(pid);
  return {
    postgis: postgis.reduce((sum, server) => sum + treeSeconds(server.pid), 0),
    functions: treeSeconds(pid) - router,
    ledger: treeSeconds(ledger.pid),
    queue: treeSeconds(queue.pid),
    router,
    ledgerTransactions: await transactions(ledger),
    queueTransactions: await transactions(queue),
  };
}

async function ask(url: string, sql: string): Promise<number> {
  const client = new pg.Client({ connectionString: url, application_name: 'bench' });
  await client.connect();
  const { rows } = await client.query<{ value: string }>(sql);
  await client.end();
  return Number(rows[0]?.value);
}

function transactions({ url }: Server): Promise<number> {
  return ask(
    url,
    'select xact_commit + xact_rollback as value from pg_stat_database where datname = current_database()',
  );
}

/** The most connections of Sluice to each server. Uses other databases, whose transactions are not counted. */
async function watchConnections({ queue, ledger, postgis }: Servers) {
  const servers = Object.entries({ queue, ledger, postgis_1: postgis[0], postgis_2: postgis[1] });
  const clients = await Promise.all(
    servers.map(async ([name, { url }]) => {
      const client = new pg.Client({ connectionString: url.replace(/\/\w+\?/, '/postgres?') });
      await client.connect();
      return { name, client };
    }),
  );
  const peak: Record<string, number> = {};
  const stopping = new AbortController();
  const sql = `select count(*) as value from pg_stat_activity
    where backend_type = 'client backend' and pid <> pg_backend_pid()`;
  const watching = (async () => {
    while (!stopping.signal.aborted) {
      for (const { name, client } of clients) {
        const { rows } = await client.query<{ value: string }>(sql);
        peak[name] = Math.max(peak[name] ?? 0, Number(rows[0]?.value));
      }
      await wait(SAMPLE_MS);
    }
  })();
  return {
    stop: async () => {
      stopping.abort();
      await watching;
      await Promise.all(clients.map(({ client }) => client.end()));
      return peak;
    },
  };
}
