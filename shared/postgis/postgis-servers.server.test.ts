import { afterAll, beforeAll, beforeEach, afterEach, expect, test, vi } from 'vitest';
import { deterministicUuid } from '#shared/events/event.ts';
import { createDatabase } from '../../tests/servers.ts';
import type { Postgis, PostgisServer } from './postgis.ts';
import { openPostgis } from './postgis-servers.ts';
import { schemaOfRun } from './run-schema.ts';
import { rankServers, serverName } from './server-list.ts';

/** Nothing listens on the port. */
const AWAY = 'postgresql://ana:geheim@127.0.0.1:1/spatial';
const AWAY_NAME = '127.0.0.1:1/spatial';
const never = new AbortController().signal;

let databases: Awaited<ReturnType<typeof createDatabase>>[];
let names: [string, string];
beforeAll(async () => {
  databases = await Promise.all([createDatabase({ postgis: true }), createDatabase({ postgis: true })]);
  names = databases.map(({ url }) => serverName(url)) as typeof names;
});
afterAll(() => Promise.all(databases.map((database) => database.drop())));

let opened: Postgis[] = [];
const open = (...urls: string[]) => {
  const postgis = openPostgis(urls.join(' '));
  opened.push(postgis);
  return postgis;
};
const openBoth = () => open(...databases.map(({ url }) => url));
beforeEach(() => void (opened = []));
afterEach(() => Promise.all(opened.map((postgis) => postgis.close())));

/** A run that prefers the server. */
const runOn = (server: string, servers: readonly string[] = names) => {
  for (let index = 0; ; index += 1) {
    const runId = deterministicUuid('run', `straße #${index}`);
    if (rankServers(runId, servers)[0] === server) return runId;
  }
};
const claimOf = (runId: string, server?: string) => ({ runId, server, step: 'load-to-postgis' as const, token: 1 });

test('the session of a run is opened on its server only, and its schema is dropped there', async () => {
  const postgis = openBoth();
  const runId = runOn(names[1]);
  const server = await postgis.chooseServer(runId);
  expect(server).toBe(names[1]);
  const session = await postgis.openSession(claimOf(runId, server), never);
  expect(await session.query('select current_database() as name')).toEqual([{ name: names[1].split('/').at(-1) }]);
  expect(session.connectionString).toContain(databases[1]?.url.split('?')[0]);
  await session.close();
  const schemas = () => Promise.all(postgis.servers.map((each) => each.listRunSchemas()));
  expect(await schemas()).toEqual([[], [schemaOfRun(runId)]]);
  expect(await postgis.listRunSchemas()).toEqual([schemaOfRun(runId)]);
  await postgis.dropSchema(runId, names[0]);
  expect(await schemas()).toEqual([[], [schemaOfRun(runId)]]);
  await postgis.dropSchema(runId, names[1]);
  expect(await schemas()).toEqual([[], []]);
});

test('one server is not chosen, and its errors do not name it', async () => {
  const postgis = open(AWAY);
  expect(await postgis.chooseServer(runOn(names[0]))).toBeUndefined();
  await expect(postgis.openSession(claimOf(runOn(names[0])), never)).rejects.toMatchObject({
    code: 'DATABASE_UNAVAILABLE',
    message: expect.not.stringContaining('PostGIS server') as string,
    details: {},
  });
});

test('a run without placement, of the time before the second server, uses the first one', async () => {
  const postgis = openBoth();
  const runId = runOn(names[1]);
  await (await postgis.openSession(claimOf(runId), never)).close();
  expect(await postgis.servers[0]?.listRunSchemas()).toEqual([schemaOfRun(runId)]);
  await postgis.dropSchema(runId);
  expect(await postgis.listRunSchemas()).toEqual([]);
});

test('a server that is not listed any more is POSTGIS_SERVER_REMOVED, even if one server is left', async () => {
  const runId = runOn(names[1]);
  const [first] = databases;
  for (const postgis of [open(first?.url ?? ''), open(first?.url ?? '', AWAY)]) {
    const problem = {
      code: 'POSTGIS_SERVER_REMOVED',
      message: `Run ${runId} is placed on PostGIS server ${names[1]}, which POSTGIS_URL does not contain.`,
      retryable: true,
    };
    await expect(postgis.openSession(claimOf(runId, names[1]), never)).rejects.toMatchObject(problem);
    await expect(postgis.dropSchema(runId, names[1])).rejects.toMatchObject(problem);
  }
});

test('a server that does not respond is named without its password, and gets no new runs', async () => {
  const postgis = open(databases[0]?.url ?? '', AWAY);
  const servers = postgis.servers.map(({ name }) => name);
  const runId = runOn(AWAY_NAME, servers);
  expect(await postgis.chooseServer(runId), 'nothing is known about the server').toBe(AWAY_NAME);
  await expect(postgis.openSession(claimOf(runId, AWAY_NAME), never)).rejects.toMatchObject({
    code: 'DATABASE_UNAVAILABLE',
    message: `PostGIS server ${AWAY_NAME}: connect ECONNREFUSED 127.0.0.1:1`,
    details: { server: AWAY_NAME, session_opened: false },
  });
  expect(await postgis.chooseServer(runId)).toBe(names[0]);
  expect(await postgis.chooseServer(runOn(names[0], servers))).toBe(names[0]);
});

test('a server that was unreachable is tried again before a run is placed on it', async () => {
  const clock = vi.spyOn(performance, 'now');
  try {
    const postgis = open(databases[0]?.url ?? '', AWAY);
    const runId = runOn(AWAY_NAME, [names[0], AWAY_NAME]);
    await expect(postgis.openSession(claimOf(runId, AWAY_NAME), never)).rejects.toThrow();
    clock.mockReturnValue(performance.now() + 6_000);
    const ping = vi.spyOn(postgis.servers[1] as PostgisServer, 'ping');
    const choices = () => Promise.all([postgis.chooseServer(runId), postgis.chooseServer(runId)]);
    expect(await choices()).toEqual([names[0], names[0]]);
    expect(await choices()).toEqual([names[0], names[0]]);
    expect(ping, 'one attempt for all').toHaveBeenCalledTimes(1);
    clock.mockReturnValue(performance.now() + 6_000);
    ping.mockResolvedValueOnce();
    expect(await choices()).toEqual([AWAY_NAME, AWAY_NAME]);
  } finally {
    clock.mockRestore();
  }
});

test('the servers are ready while one of them responds', async () => {
  await open(AWAY, databases[0]?.url ?? '').ping();
  await open(AWAY, databases[0]?.url ?? '').warmUp();
  const none = open(AWAY, 'postgresql://127.0.0.1:1/other');
  await expect(none.ping()).rejects.toMatchObject({
    code: 'DATABASE_UNAVAILABLE',
    message: `PostGIS server ${AWAY_NAME}: connect ECONNREFUSED 127.0.0.1:1`,
  });
  expect(await none.chooseServer(runOn(names[0])), 'the first one, whose error is reported').toBe(
    rankServers(
      runOn(names[0]),
      none.servers.map(({ name }) => name),
    )[0],
  );
  await expect(open(AWAY, databases[0]?.url ?? '').listRunSchemas()).rejects.toMatchObject({
    code: 'DATABASE_UNAVAILABLE',
  });
});
