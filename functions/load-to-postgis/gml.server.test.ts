import { afterAll, beforeAll, expect, test } from 'vitest';
import { GML, putPoints } from '../../tests/fixtures/gml.ts';
import { type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** The geometries of GML, with a schema and without, and their CRSs. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

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

test.each([
  ['EPSG:4326', '7 51', 'EPSG:4326'],
  ['urn:ogc:def:crs:EPSG::4326', '51 7', 'EPSG:4326'],
  ['urn:x-ogc:def:crs:EPSG:6.9:4326', '51 7', 'EPSG:4326'],
  ['http://www.opengis.net/def/crs/EPSG/0/4326', '51 7', 'EPSG:4326'],
  ['http://www.opengis.net/gml/srs/epsg.xml#4326', '7 51', 'EPSG:4326'],
  ['urn:ogc:def:crs:OGC:1.3:CRS84', '7 51', 'OGC:CRS84'],
  ['urn:ogc:def:crs:EPSG::31468', '5334916 4468503', 'EPSG:31468'],
])('reads the CRS %s, which only the geometries of a GML file declare', async (name, position, crs) => {
  const path = await putPoints(landing, 'own crs', [
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
  const path = await putPoints(landing, 'forms', [
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
  const path = await putPoints(landing, 'compound', [['500000 5600000', name]], ENVELOPE.replace('EPSG:25832', name));
  const loaded = await landing.load({ path, format: 'GML' });
  expect(loaded.files.map(({ crs }) => crs)).toEqual(['EPSG:25832']);
});

test('rejects geometries with several CRSs, unless the manifest declares one', async () => {
  const several: [string, string][] = [
    ['7 51', 'EPSG:4326'],
    ['7.5 51', 'EPSG:4258'],
  ];
  const cases: [path: string, message: string][] = [
    [await putPoints(landing, 'several', several), 'declares 2 CRSs: EPSG:4326, EPSG:4258.'],
    [await putPoints(landing, 'envelope', several.slice(0, 1), ENVELOPE), 'declares 2 CRSs: EPSG:25832, EPSG:4326.'],
    [
      await putPoints(
        landing,
        'unknown beside others',
        [
          ['7 51', 'EPSG:25833'],
          ['7 51', ADV],
        ],
        ENVELOPE,
      ),
      'declares 2 CRSs: EPSG:25832, EPSG:25833.',
    ],
    [await putPoints(landing, 'unknown in envelope', [['7 51', ADV]], ENVELOPE), `declares an unknown CRS, "${ADV}".`],
    [await putPoints(landing, 'some', [['7 51', 'EPSG:4326'], ['7 51']]), '1 of 2 geometries of'],
    [await putPoints(landing, 'unknown', [['7 51', 'EPSG:999999']]), 'declares an unknown CRS, "EPSG:999999".'],
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
