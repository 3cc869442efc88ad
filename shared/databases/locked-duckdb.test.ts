import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openLockedDatabase, resourceError } from './locked-duckdb.ts';

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice duckdb é#'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const { signal } = new AbortController();

test('files outside of the folder cannot be read or written, and the configuration is locked', async () => {
  using database = await openLockedDatabase(folder, { threads: 1, preserveOrder: true });
  await expect(database.query("select * from read_text('/etc/passwd')", signal)).rejects.toThrow(/Permission Error/);
  await expect(database.query("copy (select 1) to '/tmp/sluice.csv'", signal)).rejects.toThrow(/Permission Error/);
  await expect(database.query('set enable_external_access = true', signal)).rejects.toThrow(/locked/);
});

/** Takes hours, and reads no file. */
const ENDLESS = 'select sum(a.range * b.range % 7) from range(10000000) a, range(10000000) b';

test('an abort interrupts the statement', async () => {
  using database = await openLockedDatabase(folder, { threads: 1, preserveOrder: true });
  const controller = new AbortController();
  const query = database.query(ENDLESS, controller.signal);
  controller.abort(new Error('canceled'));
  await expect(query).rejects.toThrow('canceled');
});

test.runIf(process.platform === 'linux')(
  'interrupts a statement that computes without reading or writing (needs /proc of Linux)',
  async () => {
    using database = await openLockedDatabase(folder, { threads: 1, preserveOrder: true, stalledCpuSeconds: 1 });
    await expect(database.query(ENDLESS, signal)).rejects.toMatchObject({
      code: 'STEP_NO_PROGRESS',
      message: 'DuckDB used 1 s of processor time without reading or writing data.',
    });
  },
);

test.each([
  [
    'IO Error: Could not write all bytes to file "x.parquet": No space left on device',
    { code: 'DISK_FULL', message: 'DuckDB cannot write to the scratch folder (SCRATCH_DIR): the disk is full.' },
  ],
  [
    'Out of Memory Error: failed to allocate data of size 32.0 MiB (1.8 GiB/1.8 GiB used)',
    { code: 'MEMORY_LIMIT', message: 'DuckDB reached its memory limit of 2GB.' },
  ],
])('the error of DuckDB %j is %j', (message, error) => {
  expect(resourceError(new Error(message))).toMatchObject(error);
});

test('other errors of DuckDB are unchanged', () => {
  expect(resourceError(new Error('Conversion Error: …'))).toBeUndefined();
  expect(resourceError('text')).toBeUndefined();
});
