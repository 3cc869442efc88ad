import assert from 'node:assert/strict';
import pg from 'pg';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { deterministicUuid } from '#shared/events/event.ts';
import type { RunDocument } from '#shared/ledger/documents.ts';
import { runKey } from '#shared/ledger/new-run.ts';
import { rankServers, serverName } from '#shared/postgis/server-list.ts';
import { isArchived } from '#shared/run-control/resume-run.ts';
import { deleteWorkingData } from '#shared/run-control/working-data.ts';
import { startPostgres } from '../../gateway/embedded/postgres.ts';
import { newCluster } from '../cluster.ts';
import { SLEEP_IN_TRANSFORM } from '../fixtures/sleep-in-transform.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';
import { type Batch, JOIN, RASTERS, TABLES, uploadBatch, VECTOR, inputDataset } from './batches.ts';

/** A Sluice with two PostGIS servers, which are separate from the server of the ledger and the queue. */

const TIMEOUT_MS = 120_000;

interface Server {
  name: string;
  url: string;
  postgres: Awaited<ReturnType<typeof startPostgres>>;
  directory: string;
  remove(): void;
}

let servers: [Server, Server];
let sluice: TestSluice;
beforeAll(async () => {
  servers = await Promise.all([startServer(), startServer()]);
  sluice = await startTestSluice({ POSTGIS_URL: servers.map(({ url }) => url).join('\n') });
}, TIMEOUT_MS);
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
  for (const server of servers) {
    await server.postgres.stop();
    server.remove();
  }
});

async function startServer(): Promise<Server> {
  const { directory, remove } = newCluster();
  const postgres = await startPostgres(directory);
  const url = await postgres.database('spatial', { postgis: true });
  await query(url, SLEEP_IN_TRANSFORM);
  return { name: serverName(url), url, postgres, directory, remove };
}

async function query(url: string, sql: string, values?: unknown[]): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined); // The statement rejects with the same error.
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(sql, values)).rows;
  } finally {
    await client.end();
  }
}

/** Batch ids whose runs prefer the server. */
function batchesOn({ name }: Server, label: string, count: number): string[] {
  const names = servers.map((server) => server.name);
  const ids: string[] = [];
  for (let index = 0; ids.length < count; index += 1) {
    const id = `${label}-${index}`;
    if (rankServers(deterministicUuid('run', runKey('vector', id)), names)[0] === name) ids.push(id);
  }
  return ids;
}

async function start(batch: Batch, ids: string[]): Promise<void> {
  for (const id of ids) await uploadBatch(batch, id, id.replaceAll(/[ #]+/g, '-'), sluice.context);
  await sluice.publishWaitingManifests();
}

const runOf = async (id: string): Promise<RunDocument> => {
  const [run] = await sluice.context.ledger.listRuns({ batch_id: id });
  assert(run !== undefined, `Batch ${id} has no run.`);
  return run;
};

/** Waits until the runs are archived, and returns them. */
async function archived(ids: string[]): Promise<RunDocument[]> {
  return vi.waitFor(
    async () => {
      const runs = await Promise.all(ids.map(runOf));
      expect(runs.filter((run) => !isArchived(run)).map(({ batch_id, error }) => [batch_id, error])).toEqual([]);
      return runs;
    },
    { timeout: TIMEOUT_MS, interval: 100 },
  );
}

/** Points with the field `sleep`: their run sleeps in transform-recipe. */
const SLEEPING: Batch = {
  ...VECTOR,
  files: [
    {
      name: 'schläft #1.geojson',
      type: 'vector',
      format: 'GeoJSON',
      body: JSON.stringify({
        type: 'FeatureCollection',
        features: [{ type: 'Feature', properties: { sleep: 1 }, geometry: { type: 'Point', coordinates: [1, 2] } }],
      }),
    },
  ],
};

/** Waits until a statement of each run sleeps on the server. */
async function asleep({ url }: Server, ids: string[]): Promise<void> {
  const sql = `select application_name as name from pg_stat_activity where wait_event = 'PgSleep'`;
  const runs = await vi.waitFor(() => Promise.all(ids.map(runOf)), { timeout: TIMEOUT_MS, interval: 50 });
  await vi.waitFor(
    async () => {
      const sleeping = (await query(url, sql)).map(({ name }) => String(name).split(':')[1]);
      expect(sleeping).toEqual(expect.arrayContaining(runs.map(({ run_id }) => run_id.replaceAll('-', ''))));
    },
    { timeout: TIMEOUT_MS, interval: 50 },
  );
}

const wakeAll = ({ url }: Server) => query(url, 'drop event trigger if exists sleep_in_transform');

/** The timer of monitor-runs drops schemas that the archive step of a run could not drop. */
async function expectNoSchemas(): Promise<void> {
  await deleteWorkingData(sluice.context, { ownPostgis: false });
  expect(await sluice.context.postgis.listRunSchemas()).toEqual([]);
}

test(
  'runs spread on both servers; runs without PostGIS are not placed; every schema is dropped',
  { timeout: 2 * TIMEOUT_MS },
  async () => {
    const ids = servers.map((server, index) => batchesOn(server, `straße ${index}`, 3));
    await start(VECTOR, [...ids.flat(), inputDataset(VECTOR)]);
    await start(TABLES, [inputDataset(TABLES)]);
    await start(RASTERS, ['höhe #1']);
    const all = await archived([...ids.flat(), inputDataset(VECTOR), inputDataset(TABLES), 'höhe #1']);
    await start(JOIN, ['join é']);
    const [join] = await archived(['join é']);
    expect([...all, join].map((run) => [run?.batch_id, run?.status, run?.error])).toEqual(
      [...all, join].map((run) => [run?.batch_id, 'success', null]),
    );
    for (const [index, { name }] of servers.entries())
      for (const run of await Promise.all((ids[index] ?? []).map(runOf)))
        expect(run.placement).toEqual({ server: name, token: 1 });
    expect(servers.map(({ name }) => name)).toContain(join?.placement?.server);
    for (const id of [inputDataset(TABLES), 'höhe #1']) expect(await runOf(id)).not.toHaveProperty('placement');
    expect(await sluice.context.postgis.listRunSchemas()).toEqual([]);
  },
);

test(
  'while a server is unreachable, its runs wait and then finish on it; new runs go to the other server',
  { timeout: 3 * TIMEOUT_MS },
  async () => {
    const [away, other] = servers;
    const begun = batchesOn(away, 'begonnen', 2);
    await start(SLEEPING, begun);
    await asleep(away, begun);
    await wakeAll(away);
    await away.postgres.stop();

    const later = batchesOn(away, 'später', 3);
    await start(VECTOR, later);
    const moved = await archived(later);
    for (const run of moved)
      expect(run, 'the release of the first claim removed its placement').toMatchObject({
        status: 'success',
        placement: { server: other.name },
      });
    for (const id of begun)
      await vi.waitFor(
        async () => {
          const run = await runOf(id);
          expect(run).toMatchObject({ status: 'running', placement: { server: away.name, token: 1 } });
          expect(run.steps.find(({ name }) => name === 'transform-recipe')?.error).toMatchObject({
            code: 'DATABASE_UNAVAILABLE',
            message: expect.stringContaining(`PostGIS server ${away.name}: `) as string,
          });
        },
        { timeout: TIMEOUT_MS, interval: 100 },
      );
    const health = (await (await fetch(`${sluice.url}/healthz`)).json()) as object;
    expect(health).toMatchObject({
      status: 'degraded',
      checks: {
        postgis: 'ok',
        postgis_servers: { [other.name]: 'ok', [away.name]: expect.not.stringMatching(/^ok$/) as string },
      },
    });
    const metrics = await (await fetch(`${sluice.url}/metrics`)).text();
    expect(metrics).toContain(`sluice_postgis_up{server="${away.name}"} 0`);
    expect(metrics).toContain(`sluice_postgis_up{server="${other.name}"} 1`);

    away.postgres = await startPostgres(away.directory);
    for (const run of await archived(begun))
      expect(run).toMatchObject({ status: 'success', placement: { server: away.name, token: 1 } });
    await expectNoSchemas();

    const again = batchesOn(away, 'wieder da', 1);
    await start(VECTOR, again);
    expect((await archived(again))[0]).toMatchObject({ status: 'success', placement: { server: away.name } });
    await expectNoSchemas();
  },
);
