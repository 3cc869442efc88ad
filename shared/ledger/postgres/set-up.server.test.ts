import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { admitBatch } from '../../../tests/fixtures/documents.ts';
import { createDatabase } from '../../../tests/servers.ts';
import { Database } from './database.ts';
import { openPostgresLedger } from './postgres-ledger.ts';
import { setUp } from './set-up.ts';
import { CREATE_TABLES } from './tables.ts';

let database: Awaited<ReturnType<typeof createDatabase>>;
let client: pg.Client;
beforeAll(async () => {
  database = await createDatabase();
  client = new pg.Client({ connectionString: database.url });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await database.drop();
});

const state = async () => (await client.query('select format, release from ledger.state')).rows as unknown[];

/** A migration that fails if it is applied twice. */
const MIGRATION = { format: 2, apply: 'alter table ledger.runs add column note text' };

async function start() {
  const opened = new Database(database.url);
  try {
    await setUp(opened, [MIGRATION], { format: 2, release: '2.0.0' });
  } finally {
    await opened.close();
  }
}

test('tables without a stated format are kept, and several processes migrate them once', async () => {
  await client.query(CREATE_TABLES);
  const ledger = await openPostgresLedger(database.url);
  const run = await admitBatch(ledger);
  expect(await state()).toMatchObject([{ format: 1 }]);
  await Promise.all([start(), start(), start()]);
  expect(await state()).toEqual([{ format: 2, release: '2.0.0' }]);
  expect(await ledger.getRun(run.run_id)).toEqual(run);
  await ledger.close();
});

test('rejects a ledger of a later format, and changes nothing', async () => {
  await expect(openPostgresLedger(database.url)).rejects.toMatchObject({
    code: 'LEDGER_TOO_NEW',
    message: expect.stringContaining('upgraded to format 2 by Sluice 2.0.0') as string,
  });
  expect(await state()).toEqual([{ format: 2, release: '2.0.0' }]);
});
