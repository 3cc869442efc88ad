import { existsSync, readdirSync } from 'node:fs';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import type { JoinPreview } from '#shared/contracts/join-preview.ts';
import type { SluiceError } from '#shared/errors/sluice-error.ts';
import { joinPreviewRequested, parseJoinPreview } from '#shared/events/inspection.ts';
import type { Column } from '#shared/contracts/shared-schemas.ts';
import { scratchRoot } from '#shared/runtime/scratch.ts';
import { joinData, type JoinFixture, openJoinFixture, TEXT } from '../../../tests/fixtures/join.ts';
import { spatialAsset, tabularAsset } from '../../../tests/lake-assets.ts';
import { handler } from '../handler.ts';

/** The preview of a join, compared with the run of the same join. */

let fixture: JoinFixture;
let context: JoinFixture['context'];
beforeAll(async () => {
  fixture = await openJoinFixture();
  ({ context } = fixture);
});
afterAll(() => fixture[Symbol.asyncDispose]());

async function preview(fields: object = {}, on: JoinFixture['context'] = context): Promise<JoinPreview> {
  const reply = await handler(joinPreviewRequested('a b', { join_config: fixture.config(fields) }, 'test'), on);
  return parseJoinPreview(reply!);
}
const failure = (fields: object) =>
  preview(fields).then(
    () => undefined,
    (thrown: SluiceError) => thrown.toDocument(),
  );
const runFailure = async (fields: object) => ((await fixture.failure(fields)) as SluiceError).toDocument();
const table = (name: string, select: string, ...columns: Column[]) => tabularAsset(context, name, select, columns);
const schemas = () => context.postgis.listRunSchemas();

test('counts matched and unmatched rows as the run, and shows joined rows', async () => {
  const before = await schemas();
  const shown = await preview();
  expect(await schemas()).toEqual(before);
  expect(existsSync(scratchRoot(context.env)) ? readdirSync(scratchRoot(context.env)) : []).toEqual([]);
  const { ready, rows } = await fixture.joined();
  expect(shown.join).toEqual(joinData(ready).join);
  expect(shown).toMatchObject({
    spatial: { asset_id: fixture.länder._id, dataset_id: 'länder', version: 1, row_count: 4, matched_rows: 2 },
    tabular: { asset_id: fixture.zahlen._id, dataset_id: 'zahlen', version: 1, row_count: 4, matched_rows: 2 },
    duplicates: { count: 0, most_rows: 1, sample: [] },
    row_count: rows.length,
    column_count: Object.keys(rows[0]!).length - 1, // The key column is not exported.
    problem: null,
    notes: [{ code: 'COLUMN_RENAMED', column: 't_nr' }],
  });
  expect(shown.sample.columns.map(({ name, side }) => `${side} ${name}`)).toEqual([
    'spatial code',
    'spatial nr',
    'spatial Name 🚗',
    'spatial zahlen',
    'tabular größe',
    'tabular gegründet',
    'tabular t_nr',
  ]);
  expect(new Set(shown.sample.rows.map((row) => row.join('|')))).toEqual(
    new Set(['DE|1|Größe #1 é||83.20|1990-10-03|', 'FR|2||[1, NULL, 3]|67.50|1789-07-14|x']),
  );
});

test('an inner join has matched rows only', async () => {
  const shown = await preview({ how: 'inner', columns: ['größe', 'code'] });
  const { ready, rows } = await fixture.joined({ how: 'inner', columns: ['größe', 'code'] });
  expect(shown.join).toEqual(joinData(ready).join);
  expect(shown).toMatchObject({ row_count: rows.length, column_count: Object.keys(rows[0]!).length - 1 });
});

test('duplicate keys are the problem with which the run fails, until they are allowed', async () => {
  const doubled = await table(
    'doppelt',
    `select * from (values ('FR', 1), ('DE', 2), ('FR', 3), ('DE', 4), ('FR', 5), (null, 6), ('XX', 7)) as t (code, wert)`,
    { name: 'code', type: TEXT },
    { name: 'wert', type: 'integer' },
  );
  const fields = { tabular_asset_id: doubled._id };
  const shown = await preview(fields);
  expect(shown).toMatchObject({
    problem: { code: 'JOIN_KEY_DUPLICATE', details: { count: 2 } },
    duplicates: {
      count: 2,
      most_rows: 3,
      sample: [
        { key: 'FR', rows: 3 },
        { key: 'DE', rows: 2 },
      ],
    },
  });
  expect(shown.problem).toEqual(await runFailure(fields));
  const allowed = await preview({ ...fields, allow_duplicate_keys: true });
  const { ready, rows } = await fixture.joined({ ...fields, allow_duplicate_keys: true });
  expect(allowed).toMatchObject({ problem: null, row_count: rows.length, tabular: { matched_rows: 5 } });
  expect(allowed.join).toEqual(joinData(ready).join);
  const [code, wert] = [0, allowed.sample.columns.findIndex(({ name }) => name === 'wert')];
  expect(allowed.sample.rows.filter((row) => row[code] === 'FR').map((row) => row[wert])).toEqual(['1', '3', '5']);
});

test.each([
  ['text and a number', { left_key: 'nr', right_key: 'code' }, 'JOIN_KEY_TYPE_MISMATCH'],
  ['a key that is missing', { left_key: 'Code' }, 'JOIN_COLUMN_MISSING'],
  ['a missing asset', { spatial_asset_id: 'f'.repeat(24) }, 'ASSET_NOT_FOUND'],
  ['a missing dataset', { tabular_asset_id: 'dataset:nichts #1' }, 'ASSET_NOT_FOUND'],
])('%s is the error of the run', async (_what, fields, code) => {
  const error = await failure(fields);
  expect(error?.code).toBe(code);
  expect(error).toEqual(await runFailure(fields));
});

test('keys are compared as in the run: case and spaces matter, numbers have values, padding does not matter', async () => {
  const features = await spatialAsset(
    context,
    'schlüssel',
    `select n::bigint as sluice_fid, name, padded::character(4) as padded, n::integer as nr,
       st_setsrid(st_makepoint(n, 50), 4326) as geom
     from (values (1, 'a', 'a'), (2, 'A', 'A'), (3, 'a ', 'b'), (4, 'ä', 'ä')) as t (n, name, padded)`,
    { rows: 4 },
  );
  const rows = await table(
    'werte',
    `select * from (values ('a', 1.00::decimal(12,2)), (' a', 2.50), ('b', 3.00), ('a' || chr(776), 9)) as t (name, betrag)`,
    { name: 'name', type: TEXT },
    { name: 'betrag', type: 'numeric(12,2)' },
  );
  const assets = { spatial_asset_id: features._id, tabular_asset_id: rows._id };
  for (const [keys, matched] of [
    [{ left_key: 'name', right_key: 'name' }, 1],
    [{ left_key: 'padded', right_key: 'name' }, 2],
    [{ left_key: 'nr', right_key: 'betrag' }, 2],
  ] as const) {
    const shown = await preview({ ...assets, ...keys });
    const { ready } = await fixture.joined({ ...assets, ...keys });
    expect(shown.join, keys.left_key).toEqual(joinData(ready).join);
    expect(shown.join.matched_rows, keys.left_key).toBe(matched);
  }
});

test('a canceled request cancels its statement, and leaves no session and no file', async () => {
  const stop = new AbortController();
  const started = Promise.withResolvers<void>();
  const { postgis } = context;
  const sleeping = {
    ...postgis,
    openTemporarySession: async (signal: AbortSignal) => {
      const session = await postgis.openTemporarySession(signal);
      return {
        ...session,
        query: (() => {
          started.resolve();
          return session.query('select pg_sleep(600)');
        }) as typeof session.query,
      };
    },
  };
  const canceled = preview({}, { ...context, postgis: sleeping, signal: stop.signal });
  canceled.catch(() => undefined);
  await started.promise;
  stop.abort();
  await expect(canceled).rejects.toThrow();
  const watcher = await postgis.openTemporarySession(context.signal);
  const others = () =>
    watcher.query(
      `select from pg_stat_activity where application_name = 'sluice:temporary' and pid <> pg_backend_pid()
         and datname = current_database()`,
    );
  await vi.waitUntil(async () => (await others()).length === 0, { timeout: 30_000, interval: 50 });
  await watcher.close();
  expect(readdirSync(scratchRoot(context.env))).toEqual([]);
});

test('rejects an event without a join_config', async () => {
  const event = joinPreviewRequested('a b', { join_config: { left_key: 'code' } }, 'test');
  await expect(handler(event, context)).rejects.toMatchObject({ code: 'EVENT_INVALID' });
});
