import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** Values that the type which their file declares cannot hold, and which GDAL would change without a message. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const LONG = '12345678901234567.25';

test('keeps numbers of KML that exceed their declared type, and texts in number fields', async () => {
  const fields = [
    ['int', 'whole', '-7', '5000000000'],
    ['double', 'part', LONG, '0.5'],
    ['int', 'a&amp;b', '1', 'n/a'],
    ['bool', 'flag', 'true', '0'],
    ['double', 'limit', 'INF', '1e-320'],
    ['string', 'code', '007', '8'],
  ];
  const data = (at: number) =>
    fields.map((field) => `<SimpleData name="${field[1]}">${field[at]}</SimpleData>`).join('');
  const placemark = (at: number) =>
    `<Placemark><ExtendedData><SchemaData schemaUrl="#s">${data(at)}</SchemaData></ExtendedData>` +
    '<Point><coordinates>1,2</coordinates></Point></Placemark>';
  const path = await landing.put(
    'declared.kml',
    `<kml xmlns="http://www.opengis.net/kml/2.2"><Document><Schema name="s" id="s">${fields
      .map(([type, name], index) =>
        index % 2 === 0
          ? `<SimpleField type="${type}" name="${name}"/>`
          : `<SimpleField name='${name}' type='${type}' />`,
      )
      .join('')}</Schema>${placemark(2)}${placemark(3)}</Document></kml>`,
  );
  const loaded = await landing.load({ path, format: 'KML' });
  expect(loaded.notes.map(({ code, column }) => [code, column])).toEqual([
    ['COLUMN_TYPE_CHANGED', 'whole'],
    ['COLUMN_TYPE_CHANGED', 'part'],
    ['COLUMN_TYPE_CHANGED', 'a&b'],
  ]);
  expect(loaded.notes[0]?.message).toBe(
    'Column "whole" is declared as Integer, but it holds larger integers. It is stored as bigint.',
  );
  const rows = await loaded.query('select whole, part, "a&b", flag, "limit", code from raw_data order by sluice_fid');
  expect(rows).toEqual([
    { whole: '-7', part: LONG, 'a&b': '1', flag: true, limit: Infinity, code: '007' },
    { whole: '5000000000', part: '0.50', 'a&b': 'n/a', flag: false, limit: 1e-320, code: '8' },
  ]);
});

test.each(['\n', '\r\n'])('keeps the numbers of a MID file with line end %j', async (end) => {
  await landing.put('declared.mid', [`5000000000,"a,b",${LONG},1e-320,20240229,7`, ',"",,,,'].join(end));
  const columns = ['i Integer', 'text Char(3)', 'd Decimal(25,4)', 'f Float', 'day Date', 's SmallInt'];
  const path = await landing.put(
    'declared.mif',
    [
      'Version 300',
      'Charset "Neutral"',
      'Delimiter ","',
      'CoordSys Earth Projection 1, 104',
      `Columns ${columns.length}`,
    ]
      .concat(columns, 'Data', '', 'Point 1.1234567890123457 2', 'Point 3 4', '')
      .join(end),
  );
  const loaded = await landing.load({ path, format: 'MIF' });
  expect(loaded.notes.map(({ code, column }) => [code, column])).toEqual([
    ['COLUMN_TYPE_CHANGED', 'i'],
    ['COLUMN_TYPE_CHANGED', 'd'],
  ]);
  const columnsSql = 'i, text, d, f, day::text as day, s, st_x(geom) as x';
  expect(await loaded.query(`select ${columnsSql} from raw_data order by sluice_fid`)).toEqual([
    { i: '5000000000', text: 'a,b', d: LONG, f: 1e-320, day: '2024-02-29', s: 7, x: 1.1234567890123457 },
    expect.objectContaining({ i: null, d: null, f: null, day: null, s: null, x: 3 }),
  ]);
});

test('keeps the digits of decimals of a MapInfo table', async () => {
  const source = await landing.file('source-decimals.csv', 'd,n,lon,lat\n1.5,7,1,2\n2.5,8,3,4\n');
  const typed = '-sql select cast(d as numeric(20,2)) as d, cast(n as integer) as n from "source-decimals"'.split(' ');
  const options = ['-oo', 'X_POSSIBLE_NAMES=lon', '-oo', 'Y_POSSIBLE_NAMES=lat', '-a_srs', 'EPSG:4326'];
  const made = await landing.make(
    'decimals.tab',
    '-f',
    'MapInfo File',
    source,
    ...options,
    ...[typed[0]!, typed.slice(1).join(' ')],
  );
  const dat = made.replace(/tab$/, 'dat');
  const bytes = await readFile(dat);
  const at = bytes.indexOf('1.50') - 16;
  bytes.write(LONG.padStart(20), at, 'latin1');
  await writeFile(dat, bytes);
  const loaded = await landing.load({ path: await landing.upload(made), format: 'MapInfo File' });
  expect(loaded.notes).toMatchObject([{ code: 'COLUMN_TYPE_CHANGED', column: 'd' }]);
  expect(await loaded.query('select d, n from raw_data order by sluice_fid')).toEqual([
    { d: LONG, n: 7 },
    { d: '2.50', n: 8 },
  ]);
});

test('reads a sequence of bare geometries exactly, and a GeoJSON with a byte order mark', async () => {
  const point = '{"type":"Point","coordinates":[0.12345678901234568,1.3333333333333333]}\n';
  const bare = await landing.load({ path: await landing.put('bare.geojsonl', point + point), format: 'GeoJSONSeq' });
  expect(await bare.query('select st_x(geom) as x, st_y(geom) as y from raw_data limit 1')).toEqual([
    { x: 0.12345678901234568, y: 1.3333333333333333 },
  ]);
  const feature = `{"type":"Feature","properties":{"a":0.30000000000000004},"geometry":${point}}`;
  const mixed = await landing.put('mixed.geojsonl', `${feature}${point}${feature}`);
  expect(await (await landing.load({ path: mixed, format: 'GeoJSONSeq' })).query('select a from raw_data')).toEqual(
    [0.30000000000000004, null, 0.30000000000000004].map((a) => ({ a })),
  );
  const marked = await landing.load({ path: await landing.put('mark.geojson', `\uFEFF${feature}`), format: 'GeoJSON' });
  expect(await marked.query('select a from raw_data')).toEqual([{ a: 0.30000000000000004 }]);
});

test('reads members of features without properties, and notes those beside properties', async () => {
  const feature = (members: string) => `{"type":"Feature","n":0.30000000000000004,${members}"geometry":null}`;
  const load = async (name: string, members: string) =>
    landing.load({
      path: await landing.put(name, `{"type":"FeatureCollection","features":[${feature(members)}]}`),
      format: 'GeoJSON',
    });
  const flat = await load('flat.geojson', '');
  expect(await flat.query('select n from raw_data')).toEqual([{ n: 0.30000000000000004 }]);
  expect(flat.notes).toEqual([]);
  expect((await load('beside.geojson', '"properties":{"a":1},')).notes).toMatchObject([
    {
      code: 'MEMBERS_DROPPED',
      message:
        '1 features have members besides their properties, which were dropped: "n". ' +
        'Move them into "properties" to keep them.',
    },
  ]);
});
