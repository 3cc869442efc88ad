import { readFile, writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** Values and geometries of FlatGeobuf that GDAL writes rarely. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

/** The codes of the types in the header. */
const [LONG, ULONG] = [7, 8];

test('reads unsigned integers of 64 bits, and properties with a further byte at the end', async () => {
  const source = await landing.file(
    'source-ulong.geojson',
    `{"type":"FeatureCollection","features":[${['-1', '5000000000']
      .map((big) => `{"type":"Feature","properties":{"big":${big}},"geometry":{"type":"Point","coordinates":[1,2]}}`)
      .join(',')}]}`,
  );
  const made = await landing.make('ulong.fgb', '-lco', 'SPATIAL_INDEX=NO', source);
  const bytes = await readFile(made);
  const typeAt = bytes.indexOf('big') - 13;
  expect(bytes[typeAt]).toBe(LONG);
  bytes[typeAt] = ULONG;
  // The length of the properties of the first feature: the number of the column, and -1.
  const lengthAt = bytes.indexOf(Buffer.from('0a0000000000ffffffffffffffff', 'hex'));
  expect(lengthAt).toBeGreaterThan(0);
  bytes[lengthAt] = 11;
  await writeFile(made, bytes);
  const loaded = await landing.load({ path: await landing.upload(made), format: 'FlatGeobuf' });
  expect(await loaded.query('select big::text from raw_data order by sluice_fid')).toEqual([
    { big: '18446744073709551615' },
    { big: '5000000000' },
  ]);
});

const SHAPES = [
  'TIN Z (((0 0 0,0 1 0,1 0 0,0 0 0)),((0 1 0,1 1 0,1 0 0.1,0 1 0)))',
  'TRIANGLE Z ((0 0 0,0 1 0,1 0 0,0 0 0))',
  'POLYHEDRALSURFACE Z (((0 0 0,0 1 0,1 1 0,1 0 0,0 0 0)),((0 0 0,0 1 0,0 1 1,0 0 1,0 0 0)))',
  'CIRCULARSTRING (0 0,1 1,2 0)',
  'COMPOUNDCURVE (CIRCULARSTRING (0 0,1 1,2 0),(2 0,3 0.1))',
  'CURVEPOLYGON (COMPOUNDCURVE (CIRCULARSTRING (0 0,1 1,2 0),(2 0,0 0)),(0.5 0.1,0.6 0.1,0.6 0.2,0.5 0.1))',
  'MULTICURVE (CIRCULARSTRING (0 0,1 1,2 0),(5 5,6 6))',
  'MULTISURFACE (CURVEPOLYGON (CIRCULARSTRING (0 0,4 0,4 4,0 4,0 0)),((10 10,14 12,11 10,10 10)))',
  'MULTIPOLYGON ZM (((0 0 1 2,1 0 1 2,1 1 1 2,0 0 1 3)))',
  'GEOMETRYCOLLECTION (POINT (1 2),LINESTRING (1 2,3 4))',
  'MULTIPOINT M ((1 2 3),(4 5 0.1))',
];

test.each(SHAPES)('reads the ordinates of %s', async (wkt) => {
  const name = `shape-${SHAPES.indexOf(wkt)}`;
  const source = await landing.file(`${name}.csv`, `id,wkt\n1,"${wkt}"\n`);
  const options = ['-oo', 'GEOM_POSSIBLE_NAMES=wkt', '-oo', 'KEEP_GEOM_COLUMNS=NO', '-a_srs', 'EPSG:4326'];
  const type = `${wkt.split(' ')[0]}${/^\w+ (ZM|Z|M) /.exec(wkt)?.[1] ?? ''}`;
  const made = await landing.make(`${name}.fgb`, source, ...options, '-nlt', type, '-lco', 'SPATIAL_INDEX=NO');
  const loaded = await landing.load({ path: await landing.upload(made), format: 'FlatGeobuf' });
  const expected = `'SRID=4326;${wkt}'::geometry`;
  const sql = `select st_astext(geom) as wkt, st_astext(${expected}) as expected,
    st_asewkb(geom) = st_asewkb(${expected}) as exact from raw_data`;
  const [row] = await loaded.query(sql);
  expect(row?.wkt).toBe(row?.expected);
  expect(row?.exact).toBe(true);
});
