import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { PgPostgis } from '#shared/postgis/pg-postgis.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';
import { createDatabase } from '../../../tests/servers.ts';
import { readGeoParquet } from '../../../tests/geoparquet.ts';
import epsg4326 from './epsg-4326.json' with { type: 'json' };
import { writeGeoParquet } from './write-geoparquet.ts';

const RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const never = new AbortController().signal;
let database: Awaited<ReturnType<typeof createDatabase>>;
let postgis: PgPostgis;
let session: PostgisSession;
let folder: string;

beforeAll(async () => {
  [database, folder] = await Promise.all([
    createDatabase({ postgis: true }),
    mkdtemp(join(tmpdir(), "sluice export 'é' ")),
  ]);
  postgis = new PgPostgis(database.url);
  session = await postgis.openSession({ runId: RUN, step: 'export-geoparquet', token: 1 }, never);
});
afterAll(async () => {
  await session.close();
  await postgis.close();
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

/**
 * Creates a table with these columns (after the key) and rows, exports it, and reads the file with an independent
 * reader.
 */
async function exported(definition: string, rows: string[], name = 'asset.parquet') {
  await session.query(
    `drop table if exists processed; create unlogged table processed (sluice_fid bigint, ${definition})`,
  );
  if (rows.length > 0)
    await session.query(
      `insert into processed values ${rows.map((row, index) => `(${index + 1}, ${row})`).join(', ')}`,
    );
  const file = await writeGeoParquet(
    session,
    { table: 'processed', geometryColumn: 'geom', crs: epsg4326 },
    { folder, name },
    never,
  );
  const read = await readGeoParquet(file.path);
  return { file, ...read, byX: read.rows.toSorted((a, b) => x(a) - x(b)) };
}

const x = (row: Record<string, unknown>): number => (row.bbox as { xmin: number } | undefined)?.xmin ?? Infinity;

const point = (x: number, y: number) => `'SRID=4326;POINT(${x} ${y})'`;
const GEOM = 'geom geometry';

describe('types', () => {
  test('keeps every value of each type exactly', async () => {
    const {
      byX: rows,
      columns,
      file,
    } = await exported(
      `b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision, n numeric(20,4), t text, v varchar(10), by bytea, j json, jb jsonb, u uuid, d date, tm time, ts timestamp, tz timestamptz, ${GEOM}`,
      [
        `true, -32768, -2147483648, -9223372036854775808, 1.5, 0.1, 1234567890123456.7891, 'Straße 🚲 "x"', 'é', '\\x00ff', '{"a": [1, "ü"]}', '{"b":null}', '0d4a1f6e-2f64-8c11-9a3e-0123456789ab', '1582-10-04', '23:59:59.999999', '1969-12-31 23:59:59.5', '2024-02-29 12:00:00+02', ${point(1, 1)}`,
        `false, 32767, 2147483647, 9223372036854775807, 'NaN', '-Infinity', -0.0001, '', '', '', 'null', '[]', 'ffffffff-ffff-ffff-ffff-ffffffffffff', '0044-03-15 BC', '00:00', '4713-01-01 BC', '9999-12-31 23:59:59+00', ${point(2, 2)}`,
        `${Array(17).fill('null').join(', ')}, ${point(3, 3)}`,
      ],
    );
    expect(Object.fromEntries(columns.map(({ name, type }) => [name, type]))).toEqual({
      b: 'BOOLEAN',
      i2: 'INT32 INT_16',
      i4: 'INT32 INT_32',
      i8: 'INT64 INT_64',
      f4: 'FLOAT',
      f8: 'DOUBLE',
      n: 'FIXED_LEN_BYTE_ARRAY DECIMAL',
      t: 'BYTE_ARRAY UTF8',
      v: 'BYTE_ARRAY UTF8',
      by: 'BYTE_ARRAY',
      j: 'BYTE_ARRAY JSON',
      jb: 'BYTE_ARRAY JSON',
      u: 'FIXED_LEN_BYTE_ARRAY UUID',
      d: 'INT32 DATE',
      tm: 'INT64 TIME',
      ts: 'INT64 TIMESTAMP',
      tz: 'INT64 TIMESTAMP',
      geom: 'BYTE_ARRAY',
      bbox: 'group',
    });
    expect(rows[0]).toMatchObject({
      b: true,
      i2: -32768,
      i4: -2147483648,
      i8: -(2n ** 63n),
      f4: 1.5,
      f8: 0.1,
      t: 'Straße 🚲 "x"',
      v: 'é',
      by: new Uint8Array([0, 255]),
      j: { a: [1, 'ü'] },
      jb: { b: null },
      u: '0d4a1f6e-2f64-8c11-9a3e-0123456789ab',
      d: new Date('1582-10-04'),
      ts: new Date('1969-12-31T23:59:59.5Z'),
      tm: 86_399_999_999n,
      tz: new Date('2024-02-29T10:00:00Z'),
    });
    expect(rows[1]).toMatchObject({
      b: false,
      i8: 2n ** 63n - 1n,
      f4: NaN,
      f8: -Infinity,
      t: '',
      by: new Uint8Array(),
      jb: [],
      d: new Date('-000043-03-15'),
      ts: new Date('-004712-01-01T00:00:00Z'),
    });
    expect(rows[0]?.n).toBeCloseTo(1234567890123456.7891, 3);
    expect(rows[2]).toMatchObject(
      Object.fromEntries(
        columns.filter(({ name }) => name !== 'geom' && name !== 'bbox').map(({ name }) => [name, null]),
      ),
    );
    expect(file.columns).toContainEqual({ name: 'n', type: 'numeric(20,4)' });
    expect(file.columns.at(-1)).toEqual({ name: 'geom', type: 'geometry' });
  });

  test('marks times with a zone as UTC, and times without a zone as local', async () => {
    const { metadata } = await exported(`ts timestamp, tz timestamptz, ${GEOM}`, [`now(), now(), ${point(1, 1)}`]);
    const logical = (name: string) => metadata.schema.find((element) => element.name === name)?.logical_type;
    expect(logical('tz')).toMatchObject({ isAdjustedToUTC: true, unit: 'MICROS' });
    expect(logical('ts')).toMatchObject({ isAdjustedToUTC: false, unit: 'MICROS' });
  });

  test('writes arrays as lists, with nulls and without elements', async () => {
    const { byX: rows } = await exported(
      `a integer[], b bigint[], c double precision[], d text[], e boolean[], f numeric[], g integer[], ${GEOM}`,
      [
        `'{1,null,3}', '{9223372036854775807}', '{0.5,NaN}', '{"é",null,""}', '{t,f,null}', '{1.50}', '{{1,2},{3,4}}', ${point(1, 1)}`,
        `'{}', null, '{}', null, '{}', null, null, ${point(2, 2)}`,
        `${Array(7).fill('null').join(', ')}, ${point(3, 3)}`,
      ],
    );
    expect(rows[0]).toMatchObject({
      a: [1, null, 3],
      b: [2n ** 63n - 1n],
      c: [0.5, NaN],
      d: ['é', null, ''],
      e: [true, false, null],
      f: ['1.50'],
      g: '{{1,2},{3,4}}',
    });
    expect(rows[1]).toMatchObject({ a: [], c: [], e: [] });
    expect(rows[1]?.b ?? null).toBeNull();
    expect(rows[2]?.a ?? null).toBeNull();
  });

  test('writes numeric as the decimal that its values need, and as text when no decimal is large enough', async () => {
    const { columns, byX: rows } = await exported(`a numeric, b numeric, c numeric, d numeric(50,2), ${GEOM}`, [
      `123.456, 'NaN', 12345678901234567890123456789012345678901234.5, 1, ${point(1, 1)}`,
      `-1, 1.10, 0, 2, ${point(2, 2)}`,
    ]);
    expect(columns.slice(0, 4).map(({ type }) => type)).toEqual([
      'INT32 DECIMAL',
      'BYTE_ARRAY UTF8',
      'BYTE_ARRAY UTF8',
      'BYTE_ARRAY UTF8',
    ]);
    expect(rows.map(({ a, b, c }) => [a, b, c])).toEqual([
      [123.456, 'NaN', '12345678901234567890123456789012345678901234.5'],
      [-1, '1.10', '0'],
    ]);
  });

  test('writes types that Parquet does not have as text', async () => {
    const { rows } = await exported(`i interval, a inet, x xml, z timetz, ${GEOM}`, [
      `'1 day 02:00', '10.0.0.1', '<a/>', '12:00+02', ${point(1, 1)}`,
    ]);
    expect(rows[0]).toMatchObject({ i: '1 day 02:00:00', a: '10.0.0.1/32', x: '<a/>', z: '12:00:00+02' });
  });

  test('writes infinite dates as null, with a note', async () => {
    const { byX: rows, file } = await exported(`"Gültig bis" date, t timestamptz, ${GEOM}`, [
      `'infinity', '294276-01-01', ${point(1, 1)}`,
      `'2024-01-01', '-infinity', ${point(2, 2)}`,
    ]);
    expect(rows.map((row) => row['Gültig bis'])).toEqual([null, new Date('2024-01-01')]);
    expect(file.notes.map(({ code, column, message }) => [code, column, message.slice(0, 1)])).toEqual([
      ['TIME_NOT_REPRESENTABLE', 'Gültig bis', '1'],
      ['TIME_NOT_REPRESENTABLE', 't', '2'],
    ]);
  });
});

describe('names', () => {
  test('keeps names with keywords, numbers, quotes and spaces, and renames those that differ only in case', async () => {
    const names = [
      'select',
      '2010',
      'größe',
      'a b',
      `it's "quoted"`,
      'Name',
      'name',
      'c0',
      'box',
      'bbox',
      'BBOX_1',
      'a%sb',
      'a.b',
      '🌍',
    ];
    const definition = names.map((name) => `"${name.replaceAll('"', '""')}" integer`).join(', ');
    const { columns, rows, geo, file } = await exported(`${definition}, ${GEOM}`, [
      `${names.map((_, index) => index).join(', ')}, ${point(1, 1)}`,
    ]);
    // DuckDB ignores case, so it does not write both names.
    const written = names.map((name) => (name === 'name' ? 'name_1' : name));
    expect(columns.map(({ name }) => name)).toEqual([...written, 'geom', 'bbox_2']);
    expect(written.map((name) => rows[0]?.[name])).toEqual(names.map((_, index) => index));
    expect(file.notes).toMatchObject([{ code: 'COLUMN_RENAMED', column: 'name_1' }]);
    expect(geo.columns.geom?.covering).toEqual({
      bbox: Object.fromEntries(['xmin', 'ymin', 'xmax', 'ymax'].map((side) => [side, ['bbox_2', side]])),
    });
  });
});

describe('geometries', () => {
  test('have exact metadata: types, Z, bounds, CRS', async () => {
    const { geo, rows } = await exported(`n integer, ${GEOM}`, [
      `1, 'SRID=4326;POINT Z(10.123456789 20 5)'`,
      `2, 'SRID=4326;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))'`,
      `3, 'SRID=4326;LINESTRING Z(-1 -1 -7,30 40 9)'`,
    ]);
    expect(geo.primary_column).toBe('geom');
    expect(geo.columns.geom).toMatchObject({
      encoding: 'WKB',
      geometry_types: ['LineString Z', 'MultiPolygon', 'Point Z'],
      bbox: [-1, -1, -7, 30, 40, 9],
      crs: { id: { authority: 'EPSG', code: 4326 } },
    });
    const ofPoint = rows.find(({ n }) => n === 1);
    expect(ofPoint?.bbox).toEqual({ xmin: 10.123456789, ymin: 20, xmax: 10.123456789, ymax: 20 });
    const wkb = Buffer.from(ofPoint?.geom as Uint8Array);
    expect([wkb[0], wkb.readUInt32LE(1), wkb.readDoubleLE(5), wkb.readDoubleLE(21)]).toEqual([
      1, 1001, 10.123456789, 5,
    ]); // ISO WKB.
  });

  test('are kept when null or empty, without bounds, at the end', async () => {
    const { geo, rows, file } = await exported(`n integer, ${GEOM}`, [
      '1, null',
      `2, 'SRID=4326;POLYGON EMPTY'`,
      `3, ${point(7, 8)}`,
      '4, null',
    ]);
    expect(rows.map(({ n }) => n).slice(-2)).toEqual([1, 4]);
    expect(rows.map(({ n, geom, bbox }) => [n, (geom ?? null) === null, (bbox ?? null) === null])).toEqual(
      expect.arrayContaining([
        [1, true, true],
        [2, false, true],
        [3, false, false],
        [4, true, true],
      ]),
    );
    expect(geo.columns.geom).toMatchObject({ geometry_types: ['Point', 'Polygon'], bbox: [7, 8, 7, 8] });
    expect(file.profile).toMatchObject({ row_count: 4, null_geometries: 2, empty_geometries: 1 });
  });

  test('can be none: a file without rows', async () => {
    const { geo, rows, columns } = await exported(`name text, n numeric, ${GEOM}`, []);
    expect(rows).toEqual([]);
    expect(columns.map(({ name }) => name)).toEqual(['name', 'n', 'geom', 'bbox']);
    expect(geo.columns.geom).toMatchObject({ geometry_types: [] });
    expect(geo.columns.geom).not.toHaveProperty('bbox');
  });

  test('are rejected when GeoParquet does not support them', async () => {
    await expect(exported(GEOM, [`'SRID=4326;POINT M(1 2 3)'`])).rejects.toMatchObject({ code: 'GEOMETRY_CONTRACT' });
    await expect(exported(GEOM, [`'SRID=4326;CIRCULARSTRING(0 0,1 1,2 0)'`])).rejects.toMatchObject({
      code: 'GEOMETRY_CONTRACT',
    });
    await expect(exported(`${GEOM}, other geometry`, [])).rejects.toMatchObject({
      code: 'GEOMETRY_CONTRACT',
      details: { found: ['geom (geometry)', 'other (geometry)'] },
    });
  });

  test('can have 23 MB', async () => {
    await session.query(`drop table if exists processed; create unlogged table processed as
      select 1::bigint as sluice_fid, 'coast' as name, ST_SetSRID(ST_MakeLine(array(select ST_MakePoint(i * 1e-5, sin(i)) from generate_series(1, 1450000) as i)), 4326) as geom`);
    const file = await writeGeoParquet(
      session,
      { table: 'processed', geometryColumn: 'geom', crs: epsg4326 },
      { folder, name: 'large.parquet' },
      never,
    );
    const { rows } = await readGeoParquet(file.path);
    expect((rows[0]?.geom as Uint8Array).length).toBe(9 + 1_450_000 * 16);
  });
});

describe('the file', () => {
  const many = (order: string) => `drop table if exists processed; create unlogged table processed as
    select row_number() over (order by ${order})::bigint as sluice_fid, i as n, 'Feature ' || i as name, ST_SetSRID(ST_MakePoint((i::bigint * 7919 % 360) - 180, (i::bigint * 104729 % 180) - 90), 4326) as geom from generate_series(1, 50000) as i`;

  test('has the same bytes each time', async () => {
    await session.query(many('i'));
    const source = { table: 'processed', geometryColumn: 'geom', crs: epsg4326 };
    const first = await writeGeoParquet(session, source, { folder, name: 'first.parquet' }, never);
    const second = await writeGeoParquet(session, source, { folder, name: 'second.parquet' }, never);
    expect(second.sha256).toBe(first.sha256);
    expect(await readFile(second.path)).toEqual(await readFile(first.path));
  });

  test('is in Hilbert order, so that a reader of a small area can skip row groups', async () => {
    await session.query(many('random()'));
    const file = await writeGeoParquet(
      session,
      { table: 'processed', geometryColumn: 'geom', crs: epsg4326 },
      { folder, name: 'groups.parquet' },
      never,
    );
    const { metadata, rows } = await readGeoParquet(file.path);
    expect(rows.length).toBe(50_000);
    expect(metadata.row_groups.length).toBeGreaterThan(1);
    const widths = metadata.row_groups.map(({ columns }) => {
      const side = (name: string) =>
        columns.find(({ meta_data }) => meta_data?.path_in_schema.join('.') === `bbox.${name}`)?.meta_data?.statistics;
      return (
        (Number(side('xmax')?.max_value) - Number(side('xmin')?.min_value)) *
        (Number(side('ymax')?.max_value) - Number(side('ymin')?.min_value))
      );
    });
    expect(widths.some((area) => area < (360 * 180) / 2)).toBe(true);
  });

  test('is not written when the table does not exist', async () => {
    const missing = writeGeoParquet(
      session,
      { table: 'no such table', geometryColumn: 'geom', crs: epsg4326 },
      { folder, name: 'x.parquet' },
      never,
    );
    await expect(missing).rejects.toMatchObject({
      code: 'GEOMETRY_CONTRACT',
      message: expect.stringContaining('does not exist') as string,
    });
  });
});
