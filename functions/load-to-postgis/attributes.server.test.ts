import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** Names and types of attributes. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const feature = (properties: object) => ({
  type: 'Feature',
  properties,
  geometry: { type: 'Point', coordinates: [1, 2] },
});
const collection = (...features: object[]) => JSON.stringify({ type: 'FeatureCollection', features });

test('keeps column names, and renames conflicting ones with a note', async () => {
  const long = 'ß'.repeat(40);
  const cut = 'ß'.repeat(30);
  // JSON.stringify writes names that are integers first.
  const names = [
    '2010',
    'Name',
    'name',
    'größe',
    'select',
    'geom',
    'fid',
    'id',
    'sluice_fid',
    'bbox',
    'BBOX_1',
    'xmin',
    'ctid',
    'a "quoted" \\ name',
    long,
    `${long}2`,
    '😀',
    "it's; drop table x --",
  ];
  const properties = Object.fromEntries(names.map((name, index) => [name, index]));
  const loaded = await landing.load({
    path: await landing.put('names.geojson', collection(feature(properties))),
    format: 'GeoJSON',
  });
  const changed: Record<string, string> = {
    name: 'name_1',
    geom: 'geom_1',
    sluice_fid: 'sluice_fid_1',
    bbox: 'bbox_2',
    xmin: 'xmin_1',
    ctid: 'ctid_1',
    [long]: `${cut}_1`,
    [`${long}2`]: `${cut}_2`,
  };
  expect(loaded.columns.map((column) => column.name)).toEqual(names.map((name) => changed[name] ?? name));
  expect(loaded.notes.map((note) => [note.code, note.column])).toEqual(
    Object.values(changed).map((name) => ['COLUMN_RENAMED', name]),
  );
  const [row] = await loaded.query('select * from raw_data');
  expect(names.map((name) => row?.[changed[name] ?? name])).toEqual(names.map((_, index) => index));
});

test('names a column that has no name', async () => {
  const loaded = await landing.load({
    path: await landing.put('nameless.geojson', collection(feature({ '': 1, a: 2 }))),
    format: 'GeoJSON',
  });
  expect(await loaded.query('select * from raw_data')).toMatchObject([{ a: 2 }]);
});

test('keeps booleans, 64-bit integers, times with time zone, arrays and objects', async () => {
  const loaded = await landing.load({
    path: await landing.put(
      'types.geojson',
      collection(
        feature({
          b: true,
          i: 1,
          big: 12345678901,
          d: 1.5,
          day: '2024-02-29',
          at: '2024-02-29T10:00:00+02:00',
          clock: '10:00:01',
          words: ['a', 'é'],
          numbers: [1, 2],
          object: { x: [1] },
        }),
      ),
    ),
    format: 'GeoJSON',
  });
  expect(Object.fromEntries(loaded.columns.map((column) => [column.name, column.type]))).toEqual({
    b: 'boolean',
    i: 'integer',
    big: 'bigint',
    d: 'double precision',
    day: 'date',
    at: 'timestamp with time zone',
    clock: 'time without time zone',
    words: 'character varying[]',
    numbers: 'integer[]',
    object: 'json',
  });
  expect(
    await loaded.query(`select b, big, day::text, at::text, clock::text, words, numbers, object from raw_data`),
  ).toEqual([
    {
      b: true,
      big: '12345678901',
      day: '2024-02-29',
      at: '2024-02-29 08:00:00+00',
      clock: '10:00:01',
      words: ['a', 'é'],
      numbers: [1, 2],
      object: { x: [1] },
    },
  ]);
});

test('loads a column of numbers, strings and objects as text, and one of objects and arrays as JSON', async () => {
  const path = await landing.put(
    'mixed.geojson',
    collection(
      feature({ 'a=int,b "m"': 1, mixed: 1, o: { k: [1, 'é'] } }),
      feature({ 'a=int,b "m"': 'text', mixed: { a: 'x' }, o: [1] }),
      feature({ 'a=int,b "m"': '{', mixed: null, o: null }),
    ),
  );
  const loaded = await landing.load({ path, format: 'GeoJSON' });
  expect(loaded.columns).toEqual([
    { name: 'a=int,b "m"', type: 'character varying' },
    { name: 'mixed', type: 'json' },
    { name: 'o', type: 'json' },
  ]);
  expect(loaded.notes).toEqual([
    {
      code: 'COLUMN_MIXED',
      column: 'a=int,b "m"',
      file: path,
      message: String.raw`Column "a=int,b \"m\"" contains values of different types. It is stored as text.`,
    },
  ]);
  const rows = await loaded.query('select * from raw_data order by sluice_fid');
  expect(rows.map((row) => [row['a=int,b "m"'], row.mixed, row.o])).toEqual([
    ['1', 1, { k: [1, 'é'] }],
    ['text', { a: 'x' }, [1]],
    ['{', null, null],
  ]);
});

test('assigns a type to a CSV column only if no value changes', async () => {
  const csv =
    'code,n,d,day,at,z,flag,empty,big,lon,lat\n00123,1,1.5,2024-02-29,2024-01-01 10:00,2024-01-01T10:00:00Z,true,,12345678901234567890,1,2\n4567,-2,1e3,2023-12-31,2024-01-01 10:00:30,2024-01-01T10:00:00+02:00,FALSE,,1,3,4\n,,,,,,,,,,\n';
  const loaded = await landing.load({ path: await landing.put('types é.csv', csv), format: 'CSV', crs: 'OGC:CRS84' });
  expect(Object.fromEntries(loaded.columns.map((column) => [column.name, column.type]))).toEqual({
    code: 'character varying',
    n: 'bigint',
    d: 'double precision',
    day: 'date',
    at: 'timestamp without time zone',
    z: 'timestamp with time zone',
    flag: 'boolean',
    empty: 'character varying',
    big: 'character varying',
    lon: 'bigint',
    lat: 'bigint',
  });
  expect(await loaded.query('select code, n, st_astext(geom) g from raw_data order by sluice_fid')).toEqual([
    { code: '00123', n: '1', g: 'POINT(1 2)' },
    { code: '4567', n: '-2', g: 'POINT(3 4)' },
  ]);
  expect(loaded.notes).toMatchObject([{ code: 'BLANK_ROWS_SKIPPED' }]);
});

test('keeps Z of WKT in a CSV, and names the line of an invalid geometry', async () => {
  const loaded = await landing.load({
    path: await landing.put('wkt.csv', 'id;WKT\n1;"POINT Z (1 2 3)"\n2;"LINESTRING (1 2, 3 4)"\n3;\n'),
    format: 'CSV',
    crs: 'EPSG:4326',
  });
  expect(loaded.columns).toEqual([{ name: 'id', type: 'bigint' }]);
  expect(await loaded.query('select st_asewkt(geom) g from raw_data order by sluice_fid')).toEqual([
    { g: 'SRID=4326;POINT(1 2 3)' },
    { g: 'SRID=4326;LINESTRING(1 2,3 4)' },
    { g: null },
  ]);
  await expect(
    landing.load({
      path: await landing.put('bad.csv', 'id,shape text\n1,POINT (1 2)\n2,POINT (1\n'),
      format: 'CSV',
      crs: 'EPSG:4326',
      wkt_column: 'shape text',
    }),
  ).rejects.toMatchObject({
    code: 'GEOMETRY_INVALID',
    message: expect.stringMatching(
      /^Line 3 of s3:\/\/landing-zone\/bad\.csv: "POINT \(1" is not valid WKT \(.+\)\. Correct it/,
    ) as string,
    details: { file: 's3://landing-zone/bad.csv', line: 3 },
  });
  const path = await landing.put('xy.csv', 'E,N\n530000,180000\n"1,5",2\n');
  const xy = await landing.load({ path, format: 'CSV', crs: 'EPSG:27700', x_column: 'E', y_column: 'N' });
  expect(xy).toMatchObject({
    row_count: 1,
    rejected_rows: {
      count: 1,
      sample: [{ line: 3, reason: 'has "1,5" in column "E" of type double precision' }],
    },
  });
  await expect(
    landing.load({ path: await landing.put('none.csv', 'a,b\n1,2\n'), format: 'CSV', crs: 'EPSG:4326' }),
  ).rejects.toMatchObject({ code: 'NO_GEOMETRY', details: { columns: ['a', 'b'] } });
});

test.each(['1e400', '-1e-400', `1${'0'.repeat(400)}`])('rejects a row with the coordinate %s', async (y) => {
  const path = await landing.put('range.csv', `x,y\n1,2\n3,${y}\n`);
  expect(await landing.load({ path, format: 'CSV', crs: 'EPSG:4326' })).toMatchObject({
    row_count: 1,
    rejected_rows: {
      sample: [{ line: 3, reason: `has "${y.slice(0, 100)}" in column "y" of type double precision` }],
    },
  });
});

/** Real-world files of points, which the reader of tables reads in both lanes. */
test.each<[string, string, object, object, Record<string, unknown>]>([
  [
    'a field too many',
    'lon,lat,name,value\n-89.6,39.8,Springfield, IL,12\n-71.1,42.3,Boston,7\n-87.6,41.9,Chicago,5\n',
    {},
    { row_count: 2, rejected_rows: { count: 1, sample: [{ line: 2, reason: 'has 5 values instead of 4' }] } },
    { name: 'Boston', value: '7', g: 'POINT(-71.1 42.3)' },
  ],
  [
    'years for names',
    'lon,lat,name,2019,2020\n1.5,50.5,a,10,11\n2.5,51.5,b,12,13\n',
    {},
    { row_count: 2, notes: [] },
    { 2019: '10', 2020: '11', g: 'POINT(1.5 50.5)' },
  ],
  [
    'a column called shape that holds no WKT',
    'datetime,shape,latitude,longitude\n2004-01-01,circle,29.88,-97.94\n2004-01-02,light,53.2,-2.9\n',
    {},
    { row_count: 2 },
    { shape: 'circle', g: 'POINT(-97.94 29.88)' },
  ],
  [
    'spaces after commas, and 17 digits',
    'name,   lon,  lat\nA,  -89.643716000000012,  39.799999999999997\nB,  22.5,  2\n',
    {},
    { row_count: 2, notes: [{ code: 'BLANKS_REMOVED' }] },
    { name: 'A', lon: -89.64371600000001, g: 'POINT(-89.64371600000001 39.8)' },
  ],
  [
    'titles, a decimal comma and declared notations',
    'Messstellen\nx;y;wert;tag\n"1,5";50,25;1.234,5;31.12.2023\n2;3;7;1.1.2024\n',
    { decimal_separator: ',', thousands_separator: '.', date_format: 'DD.MM.YYYY' },
    { row_count: 2, notes: [{ code: 'TITLES_SKIPPED' }] },
    { wert: 1234.5, day: '2023-12-31', g: 'POINT(1.5 50.25)' },
  ],
])('reads points of a CSV with %s', async (name, body, tabular, expected, first) => {
  const path = await landing.put(`${name}.csv`, body);
  const loaded = await landing.load({ path, format: 'CSV', crs: 'EPSG:4326' }, tabular);
  expect(loaded).toMatchObject(expected);
  const day = 'tag' in first || 'day' in first ? ', tag::text as day' : '';
  const [row] = await loaded.query(`select *${day}, st_astext(geom) g from raw_data order by sluice_fid limit 1`);
  expect(row).toMatchObject(first);
});

test('a CSV with more numbers in a row than PostgreSQL stores is an error', async () => {
  const names = Array.from({ length: 1_200 }, (_, index) => `n${index}`);
  const path = await landing.put('breit.csv', `x,y,${names.join(',')}\n1,2,${names.map(() => '1.5').join(',')}\n`);
  await expect(landing.load({ path, format: 'CSV', crs: 'EPSG:4326' })).rejects.toMatchObject({
    code: 'TOO_MANY_COLUMNS',
    details: { file: path },
  });
});

test('a quotation mark joins no rows of a CSV', async () => {
  const inches = await landing.put('inches.csv', 'x,y,t\n1,2,5" pipe\n3,4,é\n5,6,6" pipe\n7,8,d\n');
  expect((await landing.load({ path: inches, format: 'CSV', crs: 'EPSG:4326' })).row_count).toBe(4);
  const open = await landing.put('open.csv', 'x,y,t\n1,2,a\n3,4,"b\n5,6,c\n7,8,d\n');
  await expect(landing.load({ path: open, format: 'CSV', crs: 'EPSG:4326' })).rejects.toMatchObject({
    code: 'ROWS_REJECTED',
    details: { count: 3, line: 3 },
  });
  const quoted = await landing.put('quoted.csv', 'x,y,t\r\n1,2,"5"" pipe,\r\nlong"\r\n\r\n3,4,""\r\n');
  expect((await landing.load({ path: quoted, format: 'CSV', crs: 'EPSG:4326' })).row_count).toBe(2);
});
