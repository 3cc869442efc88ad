import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase } from '../../tests/servers.ts';
import { PgPostgis } from './pg-postgis.ts';
import type { PostgisSession } from './postgis.ts';

const RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
let database: Awaited<ReturnType<typeof createDatabase>>;
let postgis: PgPostgis;

beforeAll(async () => {
  database = await createDatabase({ postgis: true });
  postgis = new PgPostgis(database.url);
});
afterAll(async () => {
  await postgis.close();
  await database.drop();
});

const never = new AbortController().signal;
const claim = (token: number) => ({ runId: RUN, step: 'load-to-postgis' as const, token });

test('a newer claim ends the older session, and the older claim cannot open another one', async () => {
  const older = await postgis.openSession(claim(1), never);
  await older.query('create table raw_data (id int)');
  const newer = await postgis.openSession(claim(2), never);
  await expect(older.query('select 1')).rejects.toThrow();
  await expect(postgis.openSession(claim(1), never)).rejects.toMatchObject({ code: 'CLAIM_STALE' });
  expect(await newer.query('select * from raw_data')).toEqual([]);
  await newer.close();
  await postgis.dropSchema(RUN);
  expect(await postgis.listRunSchemas()).toEqual([]);
});

test('sessions of the same run in another database are not ended', async () => {
  const otherDatabase = await createDatabase({ postgis: true });
  const other = new PgPostgis(otherDatabase.url);
  const session = await other.openSession(claim(1), never);
  await (await postgis.openSession(claim(2), never)).close();
  await postgis.dropSchema(RUN);
  expect(await session.query('select 1 as one')).toEqual([{ one: 1 }]);
  await session.close();
  await other.close();
  await otherDatabase.drop();
});

test('an abort cancels the running statement', async () => {
  const stop = new AbortController();
  const session = await postgis.openSession(claim(3), stop.signal);
  const sleeping = session.query('select pg_sleep(60)');
  setImmediate(() => stop.abort());
  await expect(sleeping).rejects.toMatchObject({ code: 'STATEMENT_TIMEOUT', cause: { code: '57014' } });
  await session.close();
  await postgis.dropSchema(RUN);
});

/** Process id of the server process of a session. */
const backend = async (session: PostgisSession) =>
  (await session.query<{ pid: number }>('select pg_backend_pid() as pid'))[0]?.pid;

test('the next session reuses the connection without the settings, tables and statements of the earlier session', async () => {
  const first = await postgis.openSession(claim(4), never);
  const pid = await backend(first);
  await first.query(`set work_mem = '7MB'; create temp table secret (id int); prepare p as select 1`);
  await first.close();
  await first.close();
  await expect(first.query('select 1')).rejects.toMatchObject({ code: 'INTERNAL' });
  const other = { runId: '1d4a1f6e-2f64-8c11-9a3e-0123456789ab', step: 'transform-recipe' as const, token: 1 };
  const second = await postgis.openSession(other, never);
  expect(await backend(second)).toBe(pid);
  expect(
    await second.query(
      `select current_setting('application_name') as name, current_setting('search_path') as path, current_setting('work_mem') <> '7MB' as reset, current_setting('synchronous_commit') as sync, to_regclass('secret') is null as gone`,
    ),
  ).toEqual([
    {
      name: 'sluice:1d4a1f6e2f648c119a3e0123456789ab:transform-recipe:1',
      path: 'proc_1d4a1f6e_2f64_8c11_9a3e_0123456789ab, public',
      reset: true,
      sync: 'off',
      gone: true,
    },
  ]);
  await second.close();
  await Promise.all([postgis.dropSchema(RUN), postgis.dropSchema(other.runId)]);
});

test('a temporary session has no schema of a run, and its tables end with it', async () => {
  const first = await postgis.openTemporarySession(never);
  expect(first.tables).toBe('temporary');
  await first.query('create temporary table join_spatial (geom geometry)');
  expect(await first.query('select count(*)::int as rows from join_spatial')).toEqual([{ rows: 0 }]);
  await first.close();
  await first.close();
  await expect(first.query('select 1')).rejects.toMatchObject({ code: 'INTERNAL' });
  const second = await postgis.openTemporarySession(never);
  expect(await second.query("select to_regclass('join_spatial') is null as gone")).toEqual([{ gone: true }]);
  await second.close();
  expect(await postgis.listRunSchemas()).toEqual([]);
  const stop = new AbortController();
  const third = await postgis.openTemporarySession(stop.signal);
  const sleeping = third.query('select pg_sleep(60)');
  setImmediate(() => stop.abort());
  await expect(sleeping).rejects.toMatchObject({ code: 'STATEMENT_TIMEOUT' });
  await third.close();
});

test.each([
  ['was aborted', async (_session: PostgisSession, stop: AbortController) => stop.abort()],
  ['is within a transaction', (session: PostgisSession) => session.query('begin')],
  [
    'was ended by the server',
    (session: PostgisSession) => session.query('select pg_terminate_backend(pg_backend_pid())').catch(() => undefined),
  ],
  [
    'still runs a statement',
    async (session: PostgisSession) => void session.query('select pg_sleep(60)').catch(() => undefined),
  ],
])('the connection of a session that %s is not reused', async (_name, spoil) => {
  const stop = new AbortController();
  const first = await postgis.openSession(claim(5), stop.signal);
  const pid = await backend(first);
  await spoil(first, stop);
  await first.close();
  const second = await postgis.openSession(claim(5), never);
  expect(await backend(second)).not.toBe(pid);
  await second.close();
  await postgis.dropSchema(RUN);
});

test('a server that cannot be reached is DATABASE_UNAVAILABLE, on any port', async () => {
  const unreachable = new PgPostgis('postgres://127.0.0.1:1/x');
  await expect(unreachable.openSession(claim(1), never)).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  await expect(unreachable.ping()).rejects.toMatchObject({ code: 'DATABASE_UNAVAILABLE' });
  await unreachable.close();
});

test('close ends open sessions too', async () => {
  const other = new PgPostgis(database.url);
  await other.warmUp();
  const session = await other.openSession(claim(6), never);
  await other.close();
  await expect(session.query('select 1')).rejects.toThrow();
  await session.close();
  await postgis.dropSchema(RUN);
});
