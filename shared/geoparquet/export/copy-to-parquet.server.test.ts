import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest';
import { createDatabase } from '../../../tests/servers.ts';
import { copyToParquet } from './write-geoparquet.ts';

let database: Awaited<ReturnType<typeof createDatabase>>;
let folder: string;
let client: pg.Client;

beforeAll(async () => {
  [database, folder] = await Promise.all([createDatabase(), mkdtemp(join(tmpdir(), 'sluice-copy-'))]);
});
afterEach(() => client.end());
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

async function connect(): Promise<void> {
  client = new pg.Client({ connectionString: database.url });
  client.on('error', () => undefined);
  await client.connect();
}

const never = new AbortController().signal;
const integers = (path: string) => ({
  folder,
  path,
  columns: [{ type: 'BIGINT' as const, list: false }],
  select: [{ expression: 'c0', name: 'n' }],
  metadata: {},
});
// In the select list, where PostgreSQL creates the rows one by one.
const numbers = (count: number | string) =>
  `copy (select generate_series(1, ${count}::bigint)) to stdout (format binary)`;
const ENDLESS = '1000000000000';

test('returns the number of rows in the file', async () => {
  await connect();
  expect(await copyToParquet(client, numbers(100_000), integers(join(folder, 'n.parquet')), never)).toMatchObject({
    row_count: 100_000,
  });
});

test('stops when the signal aborts between two rows', async () => {
  await connect();
  const stop = new AbortController();
  const path = join(folder, 'endless.parquet');
  const endless = copyToParquet(client, numbers(ENDLESS), integers(path), stop.signal);
  const refused = expect(endless).rejects.toMatchObject({ name: 'AbortError' });
  await vi.waitFor(() => expect(existsSync(path)).toBe(true), 10_000);
  stop.abort();
  await refused;
});

test('a failing row rejects with the error of PostgreSQL, and the connection remains usable', async () => {
  await connect();
  const failing = 'copy (select 1000::bigint / (50000 - generate_series(1, 100000))::bigint) to stdout (format binary)';
  await expect(copyToParquet(client, failing, integers(join(folder, 'failing.parquet')), never)).rejects.toMatchObject({
    code: '22012',
  });
  expect((await client.query('select 1 as one')).rows).toEqual([{ one: 1 }]);
});

test('stops when the file cannot be created', async () => {
  await connect();
  await expect(
    copyToParquet(client, numbers(ENDLESS), integers(join(folder, 'no such folder', 'n.parquet')), never),
  ).rejects.toMatchObject({ code: 'INTERNAL' });
});

test('cannot write outside of its folder', async () => {
  await connect();
  await expect(
    copyToParquet(client, numbers(1), integers(join(tmpdir(), 'outside.parquet')), never),
  ).rejects.toMatchObject({ message: expect.stringContaining('Permission') as string });
  expect(existsSync(join(tmpdir(), 'outside.parquet'))).toBe(false);
});

test('rejects rows with another number of columns', async () => {
  await connect();
  await expect(
    copyToParquet(
      client,
      'copy (select 1::bigint, 2) to stdout (format binary)',
      integers(join(folder, 'two.parquet')),
      never,
    ),
  ).rejects.toMatchObject({ code: 'EXPORT_MISMATCH' });
});
