import { expect, test } from 'vitest';
import { parseLayers } from './layers.ts';

test('parseLayers reads names that look like other lines of the output', () => {
  const layers = parseLayers(
    'INFO: Open of `x\'\n\nLayer name: Geometry: Point\nGeometry: 3D Multi Polygon\nLayer SRS WKT:\n(unknown)\nFID Column = fid\na: b: Integer (0.0)\nFeature Count: Integer64 (10.0) NOT NULL DEFAULT 1\n\nLayer name: t\nGeometry: None\nFeature Count: 3\nLayer SRS WKT:\nGEOGCRS["a",\n    ID["EPSG",1]]\nData axis to CRS axis mapping: 2,1\nlist: StringList (0.0)\n',
  );
  expect(layers).toEqual([
    {
      name: 'Geometry: Point',
      geometryType: '3D Multi Polygon',
      fields: [
        { name: 'a: b', type: 'Integer' },
        { name: 'Feature Count', type: 'Integer64' },
      ],
    },
    {
      name: 't',
      geometryType: 'None',
      featureCount: 3,
      wkt: 'GEOGCRS["a",\n    ID["EPSG",1]]',
      fields: [{ name: 'list', type: 'StringList' }],
    },
  ]);
});

test('parseLayers reads each line once, when a name imitates the heading of a CRS many times', () => {
  const heading = 'Layer SRS WKT:\n';
  const layer = (text: string) => parseLayers(`Layer name: t\n${text}Geometry: Point\n`)[0];
  expect(layer(heading.repeat(300_000))).toEqual({ name: 't', geometryType: 'Point', fields: [] });
  expect(layer(`${heading}(unknown)\n`.repeat(300_000))?.wkt).toBeUndefined();
  expect(layer(`${heading}(unknown)\n${heading}A[]\nData axis to CRS axis mapping: 1\n`)?.wkt).toBe('A[]');
});

test('parseLayers reads a CRS with an epoch', () => {
  const wkt = 'GEOGCRS["myTRF2021",\n    ID["EPSG",7912]]';
  const [layer] = parseLayers(
    `Layer name: foo\nGeometry: Point\nLayer SRS WKT:\n${wkt}\nCoordinate epoch: 2021.3\n` +
      'Data axis to CRS axis mapping: 2,1\nid: Integer (0.0)\n',
  );
  expect(layer).toMatchObject({ wkt, fields: [{ name: 'id', type: 'Integer' }] });
});
