import { afterAll, beforeAll, expect, test } from 'vitest';
import { GML, putPoints } from '../../tests/fixtures/gml.ts';
import { type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** The values and attributes of GML, with a schema and without. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const FIELDS = [
  ['code', '<xs:restriction base="xs:string"><xs:maxLength value="3"/></xs:restriction>', '0123456'],
  ['small', '<xs:restriction base="xs:integer"><xs:totalDigits value="4"/></xs:restriction>', '5000000000'],
  ['part', '<xs:restriction base="xs:decimal"><xs:totalDigits value="6"/></xs:restriction>', '12345678901234567.25'],
  ['single', '<xs:restriction base="xs:double"/>', '0.30000000000000004'],
  ['day', '<xs:restriction base="xs:date"/>', '1789-07-14'],
  ['at', '<xs:restriction base="xs:dateTime"/>', '2024-02-29T10:00:00.123456Z'],
  ['flag', '<xs:restriction base="xs:boolean"/>', 'true'],
  ['whole', '<xs:restriction base="xs:integer"><xs:totalDigits value="9"/></xs:restriction>', 'n/a'],
] as const;

test('keeps values that the schema of a GML file does not allow', async () => {
  const elements = FIELDS.map(
    ([name, restriction]) =>
      `<xs:element name="${name}" nillable="true" minOccurs="0"><xs:simpleType>${restriction}</xs:simpleType></xs:element>`,
  );
  const schema = `<?xml version="1.0" encoding="UTF-8"?>
<xs:schema targetNamespace="http://ogr.maptools.org/" xmlns:ogr="http://ogr.maptools.org/"
  xmlns:xs="http://www.w3.org/2001/XMLSchema" ${GML} elementFormDefault="qualified" version="1.0">
<xs:element name="FeatureCollection" type="ogr:FeatureCollectionType" substitutionGroup="gml:_FeatureCollection"/>
<xs:complexType name="FeatureCollectionType"><xs:complexContent><xs:extension base="gml:AbstractFeatureCollectionType"/>
</xs:complexContent></xs:complexType>
<xs:element name="places" type="ogr:places_Type" substitutionGroup="gml:_Feature"/>
<xs:complexType name="places_Type"><xs:complexContent><xs:extension base="gml:AbstractFeatureType"><xs:sequence>
<xs:element name="geometryProperty" type="gml:PointPropertyType" nillable="true" minOccurs="0" maxOccurs="1"/>
${elements.join('\n')}</xs:sequence></xs:extension></xs:complexContent></xs:complexType></xs:schema>`;
  const values = FIELDS.map(([name, , value]) => `<ogr:${name}>${value}</ogr:${name}>`).join('');
  const text = `<?xml version="1.0" encoding="utf-8" ?>
<ogr:FeatureCollection xmlns:ogr="http://ogr.maptools.org/" ${GML}><gml:featureMember><ogr:places fid="places.0">
<ogr:geometryProperty><gml:Point srsName="EPSG:4326"><gml:coordinates>1,2</gml:coordinates></gml:Point>
</ogr:geometryProperty>${values}</ogr:places></gml:featureMember></ogr:FeatureCollection>`;
  await landing.put('places.xsd', schema);
  const loaded = await landing.load({ path: await landing.put('places.gml', text), format: 'GML', crs: 'EPSG:4326' });
  expect(loaded.notes.map(({ code, column }) => [code, column])).toEqual([
    ['COLUMN_TYPE_CHANGED', 'small'],
    ['COLUMN_TYPE_CHANGED', 'part'],
    ['COLUMN_TYPE_CHANGED', 'whole'],
  ]);
  const columns = 'code, small, part, single, day::text as day, at::text as at, flag, whole';
  expect(await loaded.query(`select ${columns} from raw_data`)).toEqual([
    {
      ...{ code: '0123456', small: '5000000000', part: '12345678901234567.25', single: 0.30000000000000004 },
      ...{ day: '1789-07-14', at: '2024-02-29 10:00:00.123456+00', flag: true, whole: 'n/a' },
    },
  ]);
});

test('keeps the attributes of elements of a GML file without a schema', async () => {
  const member = (id: number, content: string) =>
    `<gml:featureMember><t:p gml:id="p${id}">${content}<t:g><gml:Point srsName="EPSG:4326"><gml:pos>1 2</gml:pos>` +
    '</gml:Point></t:g></t:p></gml:featureMember>';
  const text =
    `<t:c xmlns:t="urn:t" ${GML}>` +
    member(1, '<t:h code="007" uom="m">12</t:h><t:name xml:lang="de">Ä</t:name>') +
    member(2, '<t:h code="8" uom="m">13</t:h><t:name>B</t:name>') +
    '</t:c>';
  const loaded = await landing.load({ path: await landing.put('attributes.gml', text), format: 'GML' });
  expect(loaded.notes).toEqual([]);
  expect(await loaded.query('select h, h_code, h_uom, name, name_lang from raw_data order by sluice_fid')).toEqual([
    { h: '12', h_code: '007', h_uom: 'm', name: 'Ä', name_lang: 'de' },
    { h: '13', h_code: '8', h_uom: 'm', name: 'B', name_lang: null },
  ]);
});

test('notes attributes that GDAL does not read', async () => {
  const xsi = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"';
  const member = (id: number, attributes: string, content: string) =>
    `<gml:featureMember><t:p gml:id="p${id}"${attributes}>${content}<t:g><gml:Point gml:id="g${id}" srsName="EPSG:4326">` +
    '<gml:pos>1 2</gml:pos></gml:Point></t:g></t:p></gml:featureMember>';
  const text =
    `<t:c xmlns:t="urn:t" ${xsi} ${GML}>` +
    member(1, ' status="old"', '<t:n nilReason="unknown" xsi:nil="true"/><t:h uom="m">12</t:h>') +
    member(2, ' fid="x" status="new"', '<t:n>5</t:n><t:h uom="km" xsi:nil="1"/>') +
    '</t:c>';
  const path = await landing.put('dropped.gml', text);
  const loaded = await landing.load({ path, format: 'GML' });
  expect(loaded.notes).toEqual([
    {
      code: 'ATTRIBUTES_DROPPED',
      file: path,
      message:
        `5 attributes of elements of ${path} are missing, because GDAL does not read them: ` +
        'status of <p>, nilReason of <n>, fid of <p>, uom of <h>. Write them as elements to keep them.',
    },
  ]);
  expect(await loaded.query('select gml_id, n, h, h_uom from raw_data order by sluice_fid')).toEqual([
    { gml_id: 'p1', n: null, h: '12', h_uom: 'm' },
    { gml_id: 'p2', n: '5', h: null, h_uom: null },
  ]);
  const withSchema = await putPoints(landing, 'dropped schema', [['1 2', 'EPSG:4326']], '', '<t:n uom="m">5</t:n>');
  const declared = await landing.load({ path: withSchema, format: 'GML' });
  expect(declared.notes.map(({ code, message }) => [code, message.split(': ')[1]])).toEqual([
    ['ATTRIBUTES_DROPPED', 'uom of <n>. Write them as elements to keep them.'],
  ]);
});

test('explains different attributes of several GML files, which a schema makes equal', async () => {
  const member = (content: string) =>
    `<gml:featureMember><t:rows><t:g><gml:Point srsName="EPSG:4326"><gml:pos>1 2</gml:pos></gml:Point></t:g>${content}` +
    '</t:rows></gml:featureMember>';
  const put = (name: string, content: string) =>
    landing.put(`${name}.gml`, `<t:c xmlns:t="urn:t" ${GML}>${member(content)}</t:c>`);
  const contents = ['<t:n uom="m">5</t:n>', '<t:n code="7">6</t:n>'] as const;
  const paths = [await put('attributes 1', contents[0]), await put('attributes 2', contents[1])];
  await expect(landing.load(paths.map((path) => ({ path, format: 'GML' })))).rejects.toMatchObject({
    code: 'COLUMNS_DIFFER',
    message:
      `The columns of ${paths[1]} differ from those of ${paths[0]}: "n_uom" is missing; "n_code" is additional. ` +
      'Without a schema, GML has a column for each element and attribute that the file contains. ' +
      'Upload the schema (.xsd) with each file. Or write one manifest for each set of files with the same columns.',
  });
  const points: [string, string][] = [['1 2', 'EPSG:4326']];
  const declared = [
    await putPoints(landing, 'declared 1', points, '', contents[0]),
    await putPoints(landing, 'declared 2', points, '', contents[1]),
  ];
  const loaded = await landing.load(declared.map((path) => ({ path, format: 'GML' })));
  expect(loaded.notes.map(({ code }) => code)).toEqual(['ATTRIBUTES_DROPPED', 'ATTRIBUTES_DROPPED']);
  expect(await loaded.query('select n from raw_data order by sluice_fid')).toEqual([{ n: 5 }, { n: 6 }]);
});

/** A document with the parts of features. */
const features = (...contents: string[]) => {
  const point = '<t:g><gml:Point srsName="EPSG:4326"><gml:pos>1 2</gml:pos></gml:Point></t:g>';
  const members = contents.map((content) => `<gml:featureMember><t:p>${content}${point}</t:p></gml:featureMember>`);
  return `<t:c xmlns:t="urn:t" xmlns:u="urn:u" xmlns:xlink="http://www.w3.org/1999/xlink" ${GML}>${members.join('')}</t:c>`;
};

test.each([
  ['<t:h code="1">2</t:h><t:h_code>3</t:h_code>', 'code of <t:h>', 'is also the column h_code of <t:h_code>.'],
  ['<t:h_uom>3</t:h_uom><t:h uom="m">2</t:h>', 'uom of <t:h>', 'is also the column h_uom of <t:h_uom>.'],
  ['<t:h xlink:href="#1"/><t:h_href>3</t:h_href>', 'xlink:href of <t:h>', 'is also the column h_href of <t:h_href>.'],
  [
    '<t:w uom="m"><t:v>1</t:v></t:w>',
    'uom of <w>',
    'is the one of an element with parts, and GDAL reads it as one of <v>.',
  ],
  [
    '<t:w value="m"><t:v/></t:w>',
    'value of <w>',
    'is the one of an element with parts, and GDAL reads it as one of <v>.',
  ],
])(
  'rejects an attribute of GML that GDAL cannot distinguish from another element: %s',
  async (content, attribute, problem) => {
    const path = await landing.put('ambiguous.gml', features(content));
    await expect(landing.load({ path, format: 'GML' })).rejects.toMatchObject({
      code: 'ATTRIBUTE_AMBIGUOUS',
      message: `The attribute ${attribute} of ${path} ${problem}`,
      details: { file: path, attribute },
    });
  },
);

test('notes values of GML that GDAL leaves out, changes, or does not assign', async () => {
  const contents = [
    '<t:n lang="de">A</t:n><t:n>B</t:n><t:long>2.33333333333333351234</t:long>',
    '<t:n lang="fr">C</t:n><gml:name>x</gml:name><t:name>y</t:name><t:X>2.33333333333333351234</t:X>',
    '<t:text> z</t:text><t:mixed>a<t:b>1</t:b></t:mixed>',
  ];
  const path = await landing.put('values.gml', features(...contents));
  const { notes, query } = await landing.load({ path, format: 'GML' });
  expect(notes.map(({ code, message }) => [code, message.split(': ')[1]?.split('. ')[0]])).toEqual([
    ['VALUES_MISSING', '<mixed>'],
    ['VALUES_CHANGED', '<text>.'],
    ['LISTS_DIFFER', 'lang of <t:n>'],
    ['COLUMNS_MERGED', '<gml:name> and <t:name>'],
  ]);
  expect(await query('select n, n_lang, name, "X", long, text, b from raw_data order by sluice_fid')).toEqual([
    { n: ['A', 'B'], n_lang: 'de', name: null, X: null, long: '2.33333333333333351234', text: null, b: null },
    { n: ['C'], n_lang: 'fr', name: ['x', 'y'], X: '2.33333333333333351234', long: null, text: null, b: null },
    { n: null, n_lang: null, name: null, X: null, long: null, text: 'z', b: '1' },
  ]);
});
