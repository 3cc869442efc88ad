import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase } from '../../tests/servers.ts';
import { PgPostgis } from './postgis.ts';

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

test('a newer claim ends the older session, and the older claim cannot come back', async () => {
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

test('an abort cancels the running statement', async () => {
  const stop = new AbortController();
  const session = await postgis.openSession(claim(3), stop.signal);
  const sleeping = session.query('select pg_sleep(60)');
  setImmediate(() => stop.abort());
  await expect(sleeping).rejects.toMatchObject({ code: '57014' });
  await session.close();
  await postgis.dropSchema(RUN);
});
