import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** Values arrive with the bits, the text and the dimensions that the file stores. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const DOUBLES = [1 / 3, 0.1 + 0.2, 1234567890123456, 123456789.12345679, 1e22 / 3, 1e-300, Number.MAX_VALUE, 5e-324];

/** A GeoJSON with one point for each row of properties. */
const points = (rows: object[]) =>
  JSON.stringify({
    type: 'FeatureCollection',
    features: rows.map((properties, index) => ({
      type: 'Feature',
      properties,
      geometry: { type: 'Point', coordinates: [index / 7, index / 3] },
    })),
  });

/** Converts points to another format with ogr2ogr, and changes the result. Returns the path of the upload. */
async function convert(name: string, rows: object[], options: string[], change?: (database: DatabaseSync) => void) {
  const source = await landing.file(`source-${name}.geojson`, points(rows));
  const layer = name.replace(/\..*/, '');
  const made = await landing.make(name, ...options, source, '-nln', layer);
  if (change !== undefined) {
    using database = new DatabaseSync(made);
    change(database);
  }
  return landing.upload(made);
}

/** Triggers call functions of GDAL. */
function dropTriggers(database: DatabaseSync): void {
  for (const { name } of database.prepare("select name from sqlite_master where type = 'trigger'").all())
    database.exec(`drop trigger "${String(name)}"`);
}

describe('doubles and coordinates keep their bits', () => {
  test.each([
    ['GPKG', 'd.gpkg', []],
    ['SQLite', 'd.sqlite', []],
    ['SpatiaLite', 'd.spatialite', ['-f', 'SQLite', '-dsco', 'SPATIALITE=YES']],
    ['FlatGeobuf', 'd.fgb', ['-lco', 'SPATIAL_INDEX=NO']],
  ])('in %s', async (format, name, options) => {
    const path = await convert(
      name,
      DOUBLES.map((v, n) => ({ n, v })),
      options,
    );
    const loaded = await landing.load({ path, format });
    const rows = await loaded.query(
      'select n::int, v, st_x(geom) as x, st_y(geom) as y, st_srid(geom) as srid from raw_data order by sluice_fid',
    );
    expect(rows).toEqual(DOUBLES.map((v, n) => ({ n, v, x: n / 7, y: n / 3, srid: 4326 })));
    expect(loaded.notes).toEqual([]);
  });
});

/** GDAL writes numbers with 15 digits in these formats, so that the files are written here. */
const TEXTS: [format: string, name: string, text: string][] = [
  [
    'KML',
    'd.kml',
    `<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Schema name="s" id="s">
      <SimpleField name="n" type="int"/><SimpleField name="v" type="double"/></Schema>${DOUBLES.map(
        (v, n) => `<Placemark><ExtendedData><SchemaData schemaUrl="#s"><SimpleData name="n">${n}</SimpleData>
          <SimpleData name="v">${v}</SimpleData></SchemaData></ExtendedData>
          <Point><coordinates>${n / 7},${n / 3}</coordinates></Point></Placemark>`,
      ).join('')}</Document></kml>`,
  ],
  [
    'GML',
    'd.gml',
    `<c xmlns:gml="http://www.opengis.net/gml">${DOUBLES.map(
      (v, n) => `<gml:featureMember><f fid="f${n}"><n>${n}</n><v>${v}</v>
        <gml:Point><gml:coordinates>${n / 7},${n / 3}</gml:coordinates></gml:Point></f></gml:featureMember>`,
    ).join('')}</c>`,
  ],
  [
    'GeoJSONSeq',
    'd.geojsonl',
    DOUBLES.map((v, n) =>
      JSON.stringify({
        type: 'Feature',
        properties: { n, v },
        geometry: { type: 'Point', coordinates: [n / 7, n / 3] },
      }),
    ).join('\n'),
  ],
];

test.each(TEXTS)('doubles and coordinates keep their bits in %s', async (format, name, text) => {
  const loaded = await landing.load({ path: await landing.put(name, text), format, crs: 'EPSG:4326' });
  const rows = await loaded.query(
    'select n::int, v, st_x(geom) as x, st_y(geom) as y from raw_data order by sluice_fid',
  );
  expect(rows).toEqual(DOUBLES.map((v, n) => ({ n, v, x: n / 7, y: n / 3 })));
});

test('doubles keep their bits in MapInfo TAB', async () => {
  const rows = DOUBLES.map((v, n) => ({ n, v }));
  const path = await convert('d.tab', rows, ['-f', 'MapInfo File']);
  const loaded = await landing.load({ path, format: 'MapInfo File' });
  expect(await loaded.query('select n::int, v from raw_data order by sluice_fid')).toEqual(rows);
});

test('keeps the texts of GeoJSON, its ids, and numbers of any size', async () => {
  const text = await landing.put(
    'text.geojson',
    `{"type":"FeatureCollection","features":[
      {"type":"Feature","id":1001,"geometry":null,"properties":{"score":"2:1","part":"10:30","day":"2024-02-29",
        "at":"2024-02-29T10:00:00.123456+02:00","big":18446744073709551615,"v":0.30000000000000004,"code":"007"}},
      {"type":"Feature","id":2002,"geometry":null,"properties":{"score":"3:0","part":"11:45","day":"2023-02-28",
        "at":"2024-02-29T10:00:00Z","big":1,"v":1234567890123456.0,"code":"8"}}]}`,
  );
  const loaded = await landing.load({ path: text, format: 'GeoJSON' });
  expect(loaded.notes).toEqual([]);
  const columns = 'id, score, part, day::text, at::text, big, v, code';
  expect(await loaded.query(`select ${columns} from raw_data order by sluice_fid`)).toEqual([
    {
      ...{ id: 1001, score: '2:1', part: '10:30', day: '2024-02-29', at: '2024-02-29 08:00:00.123456+00' },
      ...{ big: '18446744073709551615', v: 0.30000000000000004, code: '007' },
    },
    {
      ...{ id: 2002, score: '3:0', part: '11:45', day: '2023-02-28', at: '2024-02-29 10:00:00+00' },
      ...{ big: '1', v: 1234567890123456, code: '8' },
    },
  ]);
});

test('keeps the texts of a GML file, whose values GDAL would cut to a guessed width', async () => {
  const member = (id: string, number: string, rest: string) =>
    `<wfs:member><a:addr gml:id="${id}"><a:hno>${number}</a:hno><a:rel>${rest}</a:rel><a:zip>0${number.length}</a:zip>` +
    `<a:geom><gml:Point srsName="urn:ogc:def:crs:EPSG::25832"><gml:pos>691412 5334916</gml:pos></gml:Point></a:geom>` +
    '</a:addr></wfs:member>';
  const text =
    '<wfs:FeatureCollection xmlns:gml="http://www.opengis.net/gml/3.2" xmlns:wfs="http://www.opengis.net/wfs/2.0" ' +
    `xmlns:a="http://example.org/a">${member('u1', '1234', '1234.5')}${member('u2', '7a', 'n/a')}</wfs:FeatureCollection>`;
  const loaded = await landing.load({ path: await landing.put('houses.gml', text), format: 'GML' });
  expect(await loaded.query('select gml_id, hno, rel, zip from raw_data order by sluice_fid')).toEqual([
    { gml_id: 'u1', hno: '1234', rel: '1234.5', zip: '04' },
    { gml_id: 'u2', hno: '7a', rel: 'n/a', zip: '02' },
  ]);
});

test('stores a column of a GeoPackage by its values, and notes a declared type that cannot hold them', async () => {
  const path = await convert('storage.gpkg', [{ a: 1 }, { a: 2 }, { a: 3 }], ['-lco', 'FID=parcel'], (database) => {
    dropTriggers(database);
    database.exec(`
      alter table storage add code text(3);
      alter table storage add small mediumint;
      alter table storage add flag boolean;
      alter table storage add whole integer;
      alter table storage add big integer;
      alter table storage add day date;
      alter table storage add noted date;
      alter table storage add at datetime;
      alter table storage add mixed integer;
      alter table storage add single float;
      update storage set code = 'abcdef', small = 5000000000, flag = a % 2, whole = 0.5 * a, day = '2024-02-29',
        noted = 'spring', at = '2024-02-29T23:59:59.123456Z', mixed = case a when 1 then 'n/a' when 2 then 7 end,
        single = 0.1, big = 9223372036854775807, parcel = 1000 + parcel;
      update storage set at = '2024-02-29T23:59:59+05:30' where a = 2`);
  });
  const loaded = await landing.load({ path, format: 'GPKG' });
  expect(Object.fromEntries(loaded.columns.map(({ name, type }) => [name, type]))).toEqual({
    parcel: 'bigint',
    a: 'integer',
    code: 'character varying',
    small: 'bigint',
    flag: 'boolean',
    whole: 'double precision',
    big: 'bigint',
    day: 'date',
    noted: 'character varying',
    at: 'timestamp with time zone',
    mixed: 'character varying',
    single: 'double precision',
  });
  expect(loaded.notes.map(({ code, column }) => [code, column])).toEqual([
    ['COLUMN_TYPE_CHANGED', 'small'],
    ['COLUMN_TYPE_CHANGED', 'whole'],
    ['COLUMN_TYPE_CHANGED', 'noted'],
    ['COLUMN_MIXED', 'mixed'],
    ['COLUMN_TYPE_CHANGED', 'single'],
  ]);
  expect(loaded.notes[0]?.message).toBe(
    'Column "small" is declared as Integer, but it holds integers from 5000000000 to 5000000000. ' +
      'It is stored as bigint.',
  );
  const rows = await loaded.query(
    'select *, day::text as day, at::text as at, big::text as big from raw_data order by sluice_fid',
  );
  expect(rows).toMatchObject([
    { parcel: '1001', code: 'abcdef', small: '5000000000', flag: true, whole: 0.5, big: '9223372036854775807' },
    { parcel: '1002', mixed: '7', flag: false, at: '2024-02-29 18:29:59+00', day: '2024-02-29', noted: 'spring' },
    { parcel: '1003', mixed: null, single: 0.1, whole: 1.5, at: '2024-02-29 23:59:59.123456+00' },
  ]);
});

test('keeps Z and M of a GeoPackage whose layer declares neither', async () => {
  const path = await convert('dimensions.gpkg', [{ a: 1 }, { a: 2 }], ['-nlt', 'POINT'], (database) => {
    const pointZm = Buffer.alloc(8 + 5 + 32);
    pointZm.write('GP');
    pointZm.writeUInt8(1, 3);
    pointZm.writeInt32LE(4326, 4);
    pointZm.writeUInt8(1, 8);
    pointZm.writeUInt32LE(3001, 9);
    for (const [index, value] of [1, 2, 7.5, 0.1].entries()) pointZm.writeDoubleLE(value, 13 + 8 * index);
    dropTriggers(database);
    database.prepare('update dimensions set geom = ? where a = 2').run(pointZm);
  });
  const loaded = await landing.load({ path, format: 'GPKG' });
  const rows = await loaded.query('select st_asewkt(geom) as wkt from raw_data order by sluice_fid');
  expect(rows).toEqual([{ wkt: 'SRID=4326;POINT(0 0)' }, { wkt: 'SRID=4326;POINT(1 2 7.5 0.1)' }]);
});

test('rejects text in a GeoPackage that is not UTF-8, and names row and column', async () => {
  const path = await convert('latin1.gpkg', [{ name: 'a' }, { name: 'b' }], [], (database) => {
    dropTriggers(database);
    database.exec(`update latin1 set name = cast(x'4de4' as text) where fid = 2`);
  });
  await expect(landing.load({ path, format: 'GPKG' })).rejects.toMatchObject({
    code: 'ENCODING_INVALID',
    details: { file: path, row: 2, column: 'name' },
  });
});

test('keeps the numbers of a shapefile as the .dbf stores them, and notes values of another type', async () => {
  const source = await landing.file('source-dbf.geojson', points([{ n: 1 }, { n: 2 }, { n: 3 }]));
  const made = await landing.make('dbf.shp', source);
  const fields = [
    ['exact', 'N', 24, 15, ['0.333333333333333', '1234.099999999999909', '']],
    ['tiny', 'F', 24, 15, ['1.25e-20', '-1e300', '5']],
    ['whole', 'N', 9, 0, ['1', '2.5', '3']],
    ['long', 'N', 20, 0, ['1234567890123456789', '1', '']],
    ['huge', 'N', 25, 0, ['1234567890123456789012345', '1', '2']],
    ['full', 'N', 3, 0, ['123', '***', '7']],
    ['code', 'N', 5, 0, ['7', 'n/a', '9']],
    ['text', 'C', 8, 0, ['007', '  x y', '\u001f2024']],
    ['a=b,c', 'N', 5, 1, ['1.5', '2.5', '3.5']],
    ['day', 'D', 8, 0, ['20240229', '', '00000000']],
    ['bad_day', 'D', 8, 0, ['20230229', '20240101', '']],
    ['memo', 'M', 10, 0, ['1', '', '']],
  ] as const;
  await landing.file('dbf.dbf', dbfTable(fields));
  const loaded = await landing.load({ path: await landing.upload(made), format: 'ESRI Shapefile' });
  expect(loaded.notes.map(({ code, column }) => [code, column])).toEqual([
    ['COLUMN_TYPE_CHANGED', 'whole'],
    ['COLUMN_TYPE_CHANGED', 'huge'],
    ['VALUES_MISSING', 'full'],
    ['COLUMN_MIXED', 'code'],
    ['COLUMN_TYPE_CHANGED', 'bad_day'],
    ['VALUES_MISSING', 'memo'],
  ]);
  const rows = await loaded.query('select *, day::text as day from raw_data order by sluice_fid');
  expect(rows).toMatchObject([
    { exact: 0.333333333333333, tiny: 1.25e-20, whole: 1, long: '1234567890123456789', code: '7', text: '007' },
    { exact: 1234.099999999999909, tiny: -1e300, whole: 2.5, full: null, code: 'n/a', text: '  x y', day: null },
    { exact: null, tiny: 5, long: null, full: 7, text: '\u001f2024', day: null, 'a=b,c': 3.5 },
  ]);
  expect(rows[0]).toMatchObject({ huge: '1234567890123456789012345', full: 123, day: '2024-02-29' });
});

type DbfColumn = readonly [name: string, type: string, width: number, decimals: number, values: readonly string[]];

/** A dBASE table as bytes. */
function dbfTable(columns: readonly DbfColumn[]): Buffer {
  const rows = columns[0]?.[4].length ?? 0;
  const header = Buffer.alloc(32 + 32 * columns.length + 1);
  header.writeUInt8(3, 0);
  header.writeUInt32LE(rows, 4);
  header.writeUInt16LE(header.length, 8);
  header.writeUInt16LE(
    columns.reduce((sum, [, , width]) => sum + width, 1),
    10,
  );
  for (const [index, [name, type, width, decimals]] of columns.entries()) {
    const at = 32 + 32 * index;
    header.write(name, at, 'latin1');
    header.write(type, at + 11, 'latin1');
    header.writeUInt8(width, at + 16);
    header.writeUInt8(decimals, at + 17);
  }
  header.writeUInt8(0x0d, header.length - 1);
  const records = Array.from(
    { length: rows },
    (_, row) => ` ${columns.map(([, , width, , values]) => (values[row] ?? '').padEnd(width)).join('')}`,
  );
  return Buffer.concat([header, Buffer.from(records.join(''), 'latin1')]);
}
