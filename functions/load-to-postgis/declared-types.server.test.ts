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

test('notes what GDAL leaves out of KML and GPX, and keeps the names of data', async () => {
  const when = (text: string) => `<TimeStamp><when>${text}</when></TimeStamp>`;
  const marks = ['2024-02-29T10:00:00.123456Z', '2024-02-29T10:00:00.120Z', '2024-02', 'spring'].map(
    (text, index) =>
      `<Placemark id="p${index}">${when(text)}<ExtendedData><Data name="a b"><value>${index}</value></Data></ExtendedData>` +
      '<Point><coordinates>1,2</coordinates></Point></Placemark>',
  );
  const kml = await landing.load({
    path: await landing.put(
      'times.kml',
      `<kml xmlns="http://www.opengis.net/kml/2.2"><Document>${marks.join('\n')}</Document></kml>`,
    ),
    format: 'KML',
  });
  expect(await kml.query('select "a b", tessellate from raw_data order by 1 limit 1')).toEqual([
    { 'a b': '0', tessellate: null },
  ]);
  // With and without a time zone.
  expect(kml.notes[0]).toMatchObject({ code: 'COLUMN_TYPE_CHANGED', column: 'timestamp' });
  expect(kml.notes.slice(1).map(({ code, message }) => [code, message])).toEqual([
    ['FEATURE_IDS_DROPPED', '4 placemarks have an id, which GDAL does not read. The first is "id=\\"p0\\"".'],
    [
      'VALUES_CHANGED',
      '1 times of column "timestamp" were cut to milliseconds. The first is "2024-02-29T10:00:00.123456Z".',
    ],
    ['VALUES_CHANGED', '1 months of column "timestamp" are stored as their first day. The first is "2024-02".'],
    [
      'VALUES_MISSING',
      '1 values of column "timestamp" are not a date and time. They are missing. The first is "spring".',
    ],
  ]);
  const point = (ele: string, time: string) => `<wpt lat="1" lon="2"><ele>${ele}</ele><time>${time}</time></wpt>`;
  const gpx = await landing.load({
    path: await landing.put(
      'times.gpx',
      `<gpx xmlns="http://www.topografix.com/GPX/1/1" version="1.1" creator="x"><metadata><time>x</time></metadata>
        ${point('0.1', '2024-02-29T10:00:00Z')}${point('0.12345678901234567890', '2024-02-29T10:00:00.123456Z')}</gpx>`,
    ),
    format: 'GPX',
  });
  expect(gpx.notes.map(({ code, column }) => [code, column])).toEqual([
    ['VALUES_CHANGED', 'ele'],
    ['VALUES_CHANGED', 'time'],
  ]);
});

test('notes data of KML without a schema beside data with one', async () => {
  const placemark = (data: string) =>
    `<Placemark><ExtendedData>${data}</ExtendedData><Point><coordinates>1,2</coordinates></Point></Placemark>`;
  const typed = '<SchemaData schemaUrl="#s"><SimpleData name="n">5</SimpleData></SchemaData>';
  const untyped = '<Data name="größe"><value>7</value></Data>';
  const load = async (name: string, marks: string[]) =>
    landing.load({
      path: await landing.put(
        name,
        `<kml xmlns="http://www.opengis.net/kml/2.2"><Document>${
          marks.join('').includes('SchemaData') ? '<Schema id="s"><SimpleField type="int" name="n"/></Schema>' : ''
        }${marks.join('')}</Document></kml>`,
      ),
      format: 'KML',
    });
  const both = await load('both.kml', [placemark(untyped + typed), placemark(untyped)]);
  expect(both.notes.filter(({ code }) => code === 'VALUES_MISSING')).toEqual([
    {
      code: 'VALUES_MISSING',
      file: expect.stringContaining('both.kml') as string,
      message: '2 values of <Data name="größe"> were left out, because the layer has a schema. The first is "7".',
    },
  ]);
  const plain = await load('plain.kml', [placemark(untyped)]);
  expect(plain.notes.map(({ code }) => code)).not.toContain('VALUES_MISSING');
  expect(await plain.query('select "größe" from raw_data')).toEqual([{ größe: '7' }]);
});

test('keeps values of a KMZ that exceed their declared type, and notes those of one with several documents', async () => {
  const placemark = (n: string) =>
    `<Placemark><ExtendedData><SchemaData schemaUrl="#s"><SimpleData name="n">${n}</SimpleData>` +
    `<SimpleData name="d">0.1${n}123456789012345678</SimpleData><SimpleData name="b">1</SimpleData></SchemaData>` +
    '</ExtendedData><Point><coordinates>1,2</coordinates></Point></Placemark>';
  const kml = (content: string) => `<kml xmlns="http://www.opengis.net/kml/2.2"><Document>${content}</Document></kml>`;
  const schema =
    '<Schema name="s" id="s"><SimpleField type="int" name="n"/><SimpleField type="double" name="d"/>' +
    '<SimpleField type="bool" name="b"/></Schema>';
  const document = await landing.file('doc.kml', kml(schema + placemark('1') + placemark('5000000000')));
  const load = async (name: string, ...documents: string[]) =>
    landing.load({ path: await landing.upload(await landing.zip(name, ...documents)), format: 'KMZ' });
  const exact = await load('doc.kmz', document);
  expect(exact.files).toMatchObject([{ format: 'KMZ', row_count: 2 }]);
  expect(exact.notes.map(({ code, column }) => [code, column])).toEqual([
    ['COLUMN_TYPE_CHANGED', 'n'],
    ['COLUMN_TYPE_CHANGED', 'd'],
  ]);
  expect(await exact.query('select n, d, b from raw_data order by sluice_fid')).toEqual([
    { n: '1', d: '0.11123456789012345678000000000', b: true },
    { n: '5000000000', d: '0.15000000000123456789012345678', b: true },
  ]);
  const loaded = await load('several.kmz', document, await landing.file('other.kml', kml('')));
  // GDAL warns about an integer, but not about the digits of a number.
  expect(loaded.notes.filter(({ column }) => column !== undefined)).toMatchObject([
    { code: 'VALUES_CHANGED', column: 'd' },
    {
      code: 'VALUES_CHANGED',
      column: 'n',
      message:
        '1 values of column "n" exceed its declared type, and were changed. ' +
        'Upload the .kml file of the archive to keep them. The first is "5000000000".',
    },
  ]);
});

test.each([
  ['', [null, null]],
  ['<extrude>1</extrude>', [1, null]],
  ['<extrude> 0</extrude>', [0, 0]],
])('reads extrude of KML as null when no element is 0: %j', async (element, expected) => {
  const mark = (more: string) => `<Placemark><Point>${more}<coordinates>1,2</coordinates></Point></Placemark>`;
  const text = `<kml xmlns="http://www.opengis.net/kml/2.2"><Document>${mark(element)}${mark('')}</Document></kml>`;
  const loaded = await landing.load({ path: await landing.put('extrude.kml', text), format: 'KML' });
  expect((await loaded.query('select extrude from raw_data order by sluice_fid')).map((row) => row.extrude)).toEqual(
    expected,
  );
});
