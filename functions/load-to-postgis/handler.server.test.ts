import { readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createDatabase } from '../../tests/servers.ts';
import { makeEvent } from '#shared/events/event.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import { openPostgresLedger } from '#shared/ledger/postgres/postgres-ledger.ts';
import type { Context } from '#shared/runtime/context.ts';
import { admitBatch } from '../../tests/fixtures/documents.ts';
import { handler } from './handler.ts';
import { dataFile, type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';
import { loadFiles } from './load/load-files.ts';
import { stagingTable } from './staging/staged-names.ts';

let landing: LandingFixture;
let control: Awaited<ReturnType<typeof createDatabase>>;
let ledger: Ledger;
let context: Context;

beforeAll(async () => {
  landing = await openLandingFixture();
  control = await createDatabase();
  ledger = await openPostgresLedger(control.url);
  context = { ...landing.context, ledger };
});
afterAll(async () => {
  await ledger.close();
  await control.drop();
  await landing[Symbol.asyncDispose]();
});

async function admit(path: string): Promise<string> {
  return (await admitBatch(ledger, { files: [{ path, format: 'ESRI Shapefile' }] })).run_id;
}

const scratch = () => readdirSync(landing.env.SCRATCH_DIR ?? '');

test('loads a run once, and returns the recorded reply for a repeated event', async () => {
  const runId = await admit(await landing.upload(dataFile('nc.shp')));
  const event = makeEvent('sluice.run.requested.vector', runId, { run_id: runId });
  const reply = await handler(event, context);
  expect(reply).toMatchObject({
    type: 'sluice.table.loaded',
    subject: runId,
    data: { run_id: runId, row_count: 100, srid: 4267 },
  });
  expect(await handler(event, context)).toEqual(reply);
  expect(scratch()).toEqual([]);
});

test('leaves no file after a failure, and releases the claim with its error', async () => {
  const runId = await admit('s3://landing-zone/not there.shp');
  await landing.put('not there.shx', 'x');
  await landing.put('not there.dbf', 'x');
  await expect(
    handler(makeEvent('sluice.run.requested.vector', runId, { run_id: runId }), context),
  ).rejects.toMatchObject({ code: 'FILE_MISSING' });
  expect(scratch()).toEqual([]);
  expect((await ledger.getRun(runId))?.steps[0]).toMatchObject({
    status: expect.not.stringMatching('done') as string,
    error: { code: 'FILE_MISSING' },
  });
});

test('starts again for a newer claim, and rejects writes of an older claim', async () => {
  const claim = landing.claimOf([
    { path: await landing.upload(dataFile('nc.shp'), 'again.shp'), format: 'ESRI Shapefile' },
  ]);
  const older = await landing.context.postgis.openSession(claim, claim.signal);
  await older.query('create table raw_data (half int); create table load_1_0 (half int)');
  const loaded = await loadFiles({ ...claim, token: 2 }, context);
  expect(loaded.row_count).toBe(100);
  await expect(older.query('drop table raw_data')).rejects.toThrow();
  await expect(loadFiles(claim, context)).rejects.toMatchObject({ code: 'CLAIM_STALE' });
  const session = await landing.context.postgis.openSession({ ...claim, token: 3 }, claim.signal);
  expect(await session.query('select count(*)::int n from raw_data')).toEqual([{ n: 100 }]);
  expect(await session.query('select tablename from pg_tables where schemaname = current_schema() order by 1')).toEqual(
    [{ tablename: 'raw_data' }, { tablename: 'sluice_fence' }],
  );
  await session.close();
  expect(scratch()).toEqual([]);
});

test('ends ogr2ogr and its session on abort, and leaves no file', async () => {
  const rows = Array.from(
    { length: 400_000 },
    (_, id) =>
      `{"type":"Feature","properties":{"id":${id}},"geometry":{"type":"Point","coordinates":[${id % 180},${id % 90}]}}`,
  );
  const path = await landing.put('large.geojsonl', rows.join('\n'));
  const stop = new AbortController();
  const claim = { ...landing.claimOf([{ path, format: 'GeoJSONSeq' }]), signal: stop.signal };
  const gdal: Context['gdal'] = {
    run: (command, options) => {
      if (command.command === 'ogr2ogr') setImmediate(() => stop.abort());
      return landing.context.gdal.run(command, options);
    },
  };
  await expect(loadFiles(claim, { ...context, gdal })).rejects.toThrow();
  expect(scratch()).toEqual([]);
  // A session of another step: one of the same step would end the sessions that it looks for.
  const observer = await landing.context.postgis.openSession(
    { ...claim, step: 'transform-recipe' },
    new AbortController().signal,
  );
  const name = `sluice:${claim.runId.replaceAll('-', '')}:load-to-postgis:`;
  await expect
    .poll(() => observer.query('select pid from pg_stat_activity where starts_with(application_name, $1)', [name]), {
      timeout: 10_000,
    })
    .toEqual([]);
  // ogr2ogr creates the table and copies all rows in one transaction, which must not have been committed.
  expect(await observer.query('select to_regclass($1) as staged', [stagingTable(claim.token, 0)])).toEqual([
    { staged: null },
  ]);
  await observer.close();
});
