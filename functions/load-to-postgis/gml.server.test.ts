import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** GML with a schema, and with layers of different geometry elements. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const GML = 'xmlns:gml="http://www.opengis.net/gml"';

test('keeps the geometries of a layer whose geometry element has a name other than that of the first layer', async () => {
  const line = '<gml:LineString srsName="EPSG:4326"><gml:pos>1 2</gml:pos><gml:pos>3 4</gml:pos></gml:LineString>';
  const text = `<?xml version="1.0" encoding="UTF-8"?>
<xls:XLS xmlns:xls="http://www.opengis.net/xls" ${GML} version="1.1"><xls:Response><xls:DetermineRouteResponse>
  <xls:RouteSummary><xls:TotalTime>PT1M</xls:TotalTime></xls:RouteSummary>
  <xls:RouteGeometry>${line}</xls:RouteGeometry>
  <xls:RouteInstructionsList><xls:RouteInstruction><xls:Instruction>x</xls:Instruction>
    <xls:RouteInstructionGeometry>${line}</xls:RouteInstructionGeometry></xls:RouteInstruction>
  </xls:RouteInstructionsList></xls:DetermineRouteResponse></xls:Response></xls:XLS>`;
  const path = await landing.put('route.xml', text);
  const loaded = await landing.load({ path, format: 'GML', layer: 'RouteGeometry' });
  expect(await loaded.query('select st_npoints(geom) as points from raw_data')).toEqual([{ points: 2 }]);
});

test('notes features with two geometries, of which GDAL reads one', async () => {
  const point = (text: string) =>
    `<gml:Point srsName="EPSG:4326"><gml:coordinates>${text}</gml:coordinates></gml:Point>`;
  const feature = (id: number, second: string) =>
    `<gml:featureMember><ogr:places fid="places.${id}"><ogr:one>${point('1,2')}</ogr:one>${second}<ogr:n>1</ogr:n></ogr:places></gml:featureMember>`;
  const document = (features: string) =>
    `<ogr:FeatureCollection xmlns:ogr="http://ogr.maptools.org/" ${GML}>${features}</ogr:FeatureCollection>`;
  const path = await landing.put(
    'two.gml',
    document(feature(1, `<ogr:two>${point('5,6')}</ogr:two>`) + feature(2, '')),
  );
  const loaded = await landing.load({ path, format: 'GML', crs: 'EPSG:4326' });
  expect(loaded.notes).toContainEqual({
    code: 'GEOMETRIES_DROPPED',
    file: path,
    message: expect.stringContaining('has 3 geometries in 2 features') as string,
  });
  const plain = await landing.put('one.gml', document(feature(1, '') + feature(2, '')));
  expect((await landing.load({ path: plain, format: 'GML', crs: 'EPSG:4326' })).notes).toEqual([]);
});

/** Puts a GML file with a schema, with which GDAL reads no CRS of geometries. Each geometry has its own CRS. */
async function putPoints(
  name: string,
  points: [position: string, crs?: string][],
  envelope = '',
  more = '',
): Promise<string> {
  const members = points.map(
    ([position, crs]) =>
      `<gml:featureMember><t:rows><t:g><gml:Point${crs === undefined ? '' : ` srsName="${crs}"`}>` +
      `<gml:pos>${position}</gml:pos></gml:Point></t:g>${more}</t:rows></gml:featureMember>`,
  );
  await landing.put(
    `${name}.xsd`,
    `<xs:schema targetNamespace="http://test/" xmlns:t="http://test/" xmlns:xs="http://www.w3.org/2001/XMLSchema"
      ${GML} elementFormDefault="qualified" version="1.0">
    <xs:element name="rows" type="t:rows_Type" substitutionGroup="gml:_Feature"/>
    <xs:complexType name="rows_Type"><xs:complexContent><xs:extension base="gml:AbstractFeatureType"><xs:sequence>
      <xs:element name="g" type="gml:PointPropertyType" minOccurs="0"/><xs:element name="n" type="xs:int"/>
    </xs:sequence></xs:extension></xs:complexContent></xs:complexType></xs:schema>`,
  );
  return landing.put(`${name}.gml`, `<t:c xmlns:t="http://test/" ${GML}>${envelope}${members.join('')}</t:c>`);
}

test.each([
  ['EPSG:4326', '7 51', 'EPSG:4326'],
  ['urn:ogc:def:crs:EPSG::4326', '51 7', 'EPSG:4326'],
  ['urn:x-ogc:def:crs:EPSG:6.9:4326', '51 7', 'EPSG:4326'],
  ['http://www.opengis.net/def/crs/EPSG/0/4326', '51 7', 'EPSG:4326'],
  ['http://www.opengis.net/gml/srs/epsg.xml#4326', '7 51', 'EPSG:4326'],
  ['urn:ogc:def:crs:OGC:1.3:CRS84', '7 51', 'OGC:CRS84'],
  ['urn:ogc:def:crs:EPSG::31468', '5334916 4468503', 'EPSG:31468'],
])('reads the CRS %s, which only the geometries of a GML file declare', async (name, position, crs) => {
  const path = await putPoints('own crs', [
    [position, name],
    [position, name],
  ]);
  const loaded = await landing.load({ path, format: 'GML' });
  expect(loaded.files.map((source) => source.crs)).toEqual([crs]);
  const [x, y] = crs === 'EPSG:31468' ? [4_468_503, 5_334_916] : [7, 51];
  expect(await loaded.query('select st_x(geom) as x, st_y(geom) as y from raw_data')).toEqual([
    { x, y },
    { x, y },
  ]);
});

test('reads geometries that declare one CRS in several forms, each with its axis order', async () => {
  const path = await putPoints('forms', [
    ['7 51', 'EPSG:4326'],
    ['51 7', 'urn:ogc:def:crs:EPSG::4326'],
  ]);
  const loaded = await landing.load({ path, format: 'GML' });
  expect(await loaded.query('select st_x(geom) as x, st_y(geom) as y from raw_data')).toEqual([
    { x: 7, y: 51 },
    { x: 7, y: 51 },
  ]);
});

const ENVELOPE =
  '<gml:boundedBy><gml:Envelope srsName="EPSG:25832"><gml:lowerCorner>1 2</gml:lowerCorner>' +
  '<gml:upperCorner>3 4</gml:upperCorner></gml:Envelope></gml:boundedBy>';

/** A name of German surveying offices. GDAL does not support it. */
const ADV = 'urn:adv:crs:DE_DHDN_3GK3_HE100';

test('reads a CRS that only GDAL supports, when the envelope and the geometries have the same name', async () => {
  const name = 'urn:ogc:def:crs,crs:EPSG::25832,crs:EPSG::5783';
  const path = await putPoints('compound', [['500000 5600000', name]], ENVELOPE.replace('EPSG:25832', name));
  const loaded = await landing.load({ path, format: 'GML' });
  expect(loaded.files.map(({ crs }) => crs)).toEqual(['EPSG:25832']);
});

test('rejects geometries with several CRSs, unless the manifest declares one', async () => {
  const several: [string, string][] = [
    ['7 51', 'EPSG:4326'],
    ['7.5 51', 'EPSG:4258'],
  ];
  const cases: [path: string, message: string][] = [
    [await putPoints('several', several), 'declares 2 CRSs: EPSG:4326, EPSG:4258.'],
    [await putPoints('envelope', several.slice(0, 1), ENVELOPE), 'declares 2 CRSs: EPSG:25832, EPSG:4326.'],
    [
      await putPoints(
        'unknown beside others',
        [
          ['7 51', 'EPSG:25833'],
          ['7 51', ADV],
        ],
        ENVELOPE,
      ),
      'declares 2 CRSs: EPSG:25832, EPSG:25833.',
    ],
    [await putPoints('unknown in envelope', [['7 51', ADV]], ENVELOPE), `declares an unknown CRS, "${ADV}".`],
    [await putPoints('some', [['7 51', 'EPSG:4326'], ['7 51']]), '1 of 2 geometries of'],
    [await putPoints('unknown', [['7 51', 'EPSG:999999']]), 'declares an unknown CRS, "EPSG:999999".'],
  ];
  const members = several.map(
    ([position, crs]) =>
      `<gml:featureMember><p><gml:Point srsName="${crs}"><gml:pos>${position}</gml:pos></gml:Point></p></gml:featureMember>`,
  );
  cases.push([
    await landing.put('no schema.gml', `<c ${GML}>${members.join('')}</c>`),
    'declares 2 CRSs: EPSG:4326, EPSG:4258.',
  ]);
  for (const [path, message] of cases) {
    await expect(landing.load({ path, format: 'GML' }), path).rejects.toMatchObject({
      code: 'CRS_UNREADABLE',
      message: expect.stringContaining(message) as string,
    });
    const { notes } = await landing.load({ path, format: 'GML', crs: 'EPSG:4326' });
    expect(notes.map(({ code }) => code)).toContain('CRS_DECLARED_OVERRIDES');
  }
});

test('compares the CRS of the envelope with the geometries of the layer, and not with those of other layers', async () => {
  const types = ['a', 'b'].map(
    (name) => `<xs:element name="${name}" type="t:${name}_Type" substitutionGroup="gml:_Feature"/>
      <xs:complexType name="${name}_Type"><xs:complexContent><xs:extension base="gml:AbstractFeatureType"><xs:sequence>
      <xs:element name="g" type="gml:PointPropertyType"/></xs:sequence></xs:extension></xs:complexContent></xs:complexType>`,
  );
  const schema = `<xs:schema targetNamespace="http://test/" xmlns:t="http://test/" ${GML}
    xmlns:xs="http://www.w3.org/2001/XMLSchema" elementFormDefault="qualified">${types.join('')}</xs:schema>`;
  await landing.put('layers.xsd', schema);
  const point = (crs: string) => `<t:g><gml:Point srsName="${crs}"><gml:pos>500000 5600000</gml:pos></gml:Point></t:g>`;
  const members = `<gml:featureMember><t:a>${point('EPSG:25832')}</t:a></gml:featureMember>
    <gml:featureMember><t:b>${point('EPSG:25833')}</t:b></gml:featureMember>`;
  const path = await landing.put('layers.gml', `<t:c xmlns:t="http://test/" ${GML}>${ENVELOPE}${members}</t:c>`);
  expect((await landing.load({ path, format: 'GML', layer: 'a' })).files[0]?.crs).toBe('EPSG:25832');
  const loading = landing.load({ path, format: 'GML', layer: 'b' });
  await expect(loading).rejects.toThrow('declares 2 CRSs: EPSG:25832, EPSG:25833.');
});

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
  const withSchema = await putPoints('dropped schema', [['1 2', 'EPSG:4326']], '', '<t:n uom="m">5</t:n>');
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
    await putPoints('declared 1', points, '', contents[0]),
    await putPoints('declared 2', points, '', contents[1]),
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
