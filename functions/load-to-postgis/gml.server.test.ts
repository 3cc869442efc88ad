import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** GML with a schema, and with layers of different geometry elements. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const GML = 'xmlns:gml="http://www.opengis.net/gml"';

test('keeps the geometries of a layer whose geometry element has another name than that of the first layer', async () => {
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
