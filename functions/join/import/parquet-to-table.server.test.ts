import { mkdtempSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { quotedString } from '@duckdb/node-api';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';
import { type LockedDatabase, openLockedDatabase } from '#shared/databases/locked-duckdb.ts';
import { PgPostgis } from '#shared/postgis/pg-postgis.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { createDatabase } from '../../../tests/servers.ts';
import epsg4326 from '#shared/geoparquet/export/epsg-4326.json' with { type: 'json' };
import { parquetToTable } from './parquet-to-table.ts';
import { writeGeoParquet } from '#shared/geoparquet/export/write-geoparquet.ts';

const RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const never = new AbortController().signal;
const folder = mkdtempSync(join(tmpdir(), 'sluice é #'));
const database = await createDatabase({ postgis: true });
const postgis = new PgPostgis(database.url);

let session: PostgisSession;
let duckdb: LockedDatabase;
beforeAll(async () => {
  session = await postgis.openSession({ runId: RUN, step: 'join', token: 1 }, never);
  duckdb = await openLockedDatabase(folder, { threads: 1, preserveOrder: true });
});
beforeEach(() => session.query('drop table if exists loaded cascade'));
afterAll(async () => {
  duckdb[Symbol.dispose]();
  await session.close();
  await postgis.close();
  await database.drop();
});

async function parquet(select: string): Promise<string> {
  const path = join(folder, `${Math.random()}.parquet`);
  await duckdb.query(`copy (${select}) to ${quotedString(path)} (format parquet)`, never);
  return path;
}

/** Imports the file and returns the restored types. */
async function loaded(path: string, columns: { name: string; type: string }[]) {
  const table = await parquetToTable(session, duckdb, { path, name: 'a', columns }, 'loaded', never);
  const select = columns
    .map(({ name }, index) => `${table.values[index]?.('t')} as "${name.replaceAll('"', '""')}"`)
    .join(', ');
  await session.query(`drop view if exists typed; create temporary view typed as select n, ${select} from loaded as t`);
  const types = await session.query<{ name: string; type: string }>(
    `select attname as name, format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = 'typed'::regclass and attname <> 'n' order by attnum`,
  );
  return { rowCount: table.rowCount, types };
}

test('an exported table is imported without changes: names, types, values, nulls, geometries', async () => {
  await session.query(`create unlogged table original as select n::bigint as sluice_fid, n % 2 = 0 as "Bool", n::smallint as "s m", -n::integer as "int", (n * 1e15)::bigint as big, (n / 3.0)::real as "real", n / 7.0::float8 as double,
    (n / 8.0)::numeric(20, 5) as "numeric", (n * 1000 || '.125')::numeric as loose, repeat('é🚗 "q"' || chr(9) || chr(10) || '\\', n - 1) as "Text #1", ('ab' || n)::varchar(10) as "select",
    decode(repeat('00ff', n), 'hex') as bytes, json_build_object('n', n) as "json", ('00000000-0000-4000-8000-00000000000' || n)::uuid as "uuid",
    case n when 1 then '0044-03-15 BC' when 2 then '12345-06-07' else '1999-12-31' end::date as "date", ('23:59:5' || n || '.123456')::time as "time",
    case n when 1 then '0044-03-15 BC' when 2 then '1999-12-31 23:59:59.999999' else '2038-01-19' end::timestamp as ts, '2001-02-03 04:05:06.789'::timestamp(3) as ts3, case n when 2 then '1999-12-31 23:59:59.999999+02' else '2038-01-19+00' end::timestamptz as tstz,
    case n when 1 then '{}' else array[n, null, 3] end::integer[] as ints, array['a,"b"\\', null, '', 'NULL', 'é {}']::text[] as texts, array[true, null] as bools, array[['1'::integer, 2], [3, n]] as matrix, array['2020-02-29'::date] as dates,
    st_setsrid(case n when 1 then 'point z (1 2 3)'::geometry when 2 then 'geometrycollection(point(1 2), linestring(0 0, 1 1))' when 3 then 'polygon empty' end, 4326) as geom
    from generate_series(1, 4) as n;
    update original set "Bool" = null, "s m" = null, "int" = null, big = null, "real" = null, double = null, "numeric" = null, loose = null, "Text #1" = null, bytes = null, "json" = null, "uuid" = null, "date" = null, "time" = null, ts = null, tstz = null, ints = null where sluice_fid = 4`);
  const file = await writeGeoParquet(
    session,
    { table: 'original', geometryColumn: 'geom', crs: epsg4326 },
    { folder, name: 'original é.parquet' },
    never,
  );
  const { types, rowCount } = await loaded(file.path, file.columns);
  expect(rowCount).toBe(4);
  expect(types).toEqual(file.columns);
  const text = (table: string) =>
    session.query(
      `select array_agg(row order by row) as rows from (select (to_jsonb(t) - 'geom' - 'sluice_fid' - 'n')::text || st_asewkt(st_setsrid(geom, 4326)) as row from ${table} as t) as all_rows`,
    );
  expect(await text('typed')).toEqual(await text('original'));
  expect(await session.query('select count(geom)::int as geometries from typed')).toEqual([{ geometries: 3 }]);
});

test('rows are numbered in the order of the file, over many chunks, with values of every length', async () => {
  const path = await parquet(
    `select i::bigint as "größe", repeat('x', (i % 40)::integer) as text, case when i % 3 = 0 then null else i::integer end as third from range(0, 10000) as t (i)`,
  );
  const { rowCount } = await loaded(path, [
    { name: 'größe', type: 'bigint' },
    { name: 'text', type: 'text' },
    { name: 'third', type: 'integer' },
  ]);
  expect(rowCount).toBe(10_000);
  expect(
    await session.query(
      `select count(*)::int as wrong from typed where n <> "größe" + 1 or text <> repeat('x', ("größe" % 40)::integer) or third is distinct from case when "größe" % 3 = 0 then null else "größe" end`,
    ),
  ).toEqual([{ wrong: 0 }]);
});

test('rejects a file without a column of the ledger', async () => {
  const path = await parquet('select 1 as a');
  await expect(
    parquetToTable(
      session,
      duckdb,
      { path, name: 'asset a', columns: [{ name: 'ä "b"', type: 'text' }] },
      'loaded',
      never,
    ),
  ).rejects.toMatchObject({
    code: 'ASSET_CHANGED',
    message: 'The Parquet file of asset a has no column "ä \\"b\\"", which is in the ledger.',
    details: { column: 'ä "b"' },
  });
});

test('rejects a damaged file', async () => {
  const path = await parquet(`select i, md5(i::varchar) as text from range(0, 300000) as t (i)`);
  const file = await open(path, 'r+');
  const { size } = await file.stat();
  await file.write(Buffer.alloc(size / 2, 0xaa), 0, size / 2, Math.floor(size / 3)); // The footer stays.
  await file.close();
  await expect(
    parquetToTable(
      session,
      duckdb,
      {
        path,
        name: 'a',
        columns: [
          { name: 'i', type: 'bigint' },
          { name: 'text', type: 'text' },
        ],
      },
      'loaded',
      never,
    ),
  ).rejects.toThrow();
  expect(await session.query('select 1 as alive')).toEqual([{ alive: 1 }]);
});

test('an abort ends the copy, and DuckDB is idle after it', async () => {
  const path = await parquet(`select i, md5(i::varchar) as text from range(0, 3000000) as t (i)`);
  const stop = new AbortController();
  const own = await postgis.openSession({ runId: RUN, step: 'join', token: 2 }, stop.signal);
  const working = parquetToTable(
    own,
    duckdb,
    {
      path,
      name: 'a',
      columns: [
        { name: 'i', type: 'bigint' },
        { name: 'text', type: 'text' },
      ],
    },
    'loaded',
    stop.signal,
  );
  working.catch(() => undefined);
  const watcher = await postgis.openSession({ runId: RUN, step: 'archive', token: 1 }, never);
  await vi.waitUntil(
    async () =>
      (await watcher.query<{ rows: string }>('select tuples_processed as rows from pg_stat_progress_copy'))[0]?.rows,
    { interval: 5, timeout: 20_000 },
  );
  stop.abort(new Error('canceled'));
  await expect(working).rejects.toThrow('canceled');
  expect(await duckdb.query('select 1 as idle', never)).toEqual([{ idle: 1 }]);
  await own.close();
  await vi.waitUntil(async () => (await watcher.query('select 1 from pg_stat_progress_copy')).length === 0, {
    interval: 20,
  });
  await watcher.close();
});
