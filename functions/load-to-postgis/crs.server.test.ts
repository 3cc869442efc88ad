import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataFile, type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** Coordinate reference systems: of the file, of the manifest, missing, unreadable, custom and wrong ones. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const point = (x: number, y: number, crs?: unknown) =>
  JSON.stringify({
    type: 'FeatureCollection',
    ...(crs === undefined ? {} : { crs }),
    features: [{ type: 'Feature', properties: {}, geometry: { type: 'Point', coordinates: [x, y] } }],
  });
const named = (name: string) => ({ type: 'name', properties: { name } });
const CUSTOM_PRJ =
  'PROJCS["Lambert of my own",GEOGCS["GCS_WGS_1984",DATUM["D_WGS_1984",SPHEROID["WGS_1984",6378137.0,298.257223563]],PRIMEM["Greenwich",0.0],UNIT["Degree",0.0174532925199433]],PROJECTION["Lambert_Azimuthal_Equal_Area"],PARAMETER["False_Easting",1234.5],PARAMETER["False_Northing",0.0],PARAMETER["Central_Meridian",-80.0],PARAMETER["Latitude_Of_Origin",35.0],UNIT["Meter",1.0]]';

async function shapefileWithPrj(stem: string, prj: string | undefined): Promise<string> {
  for (const part of ['shp', 'shx', 'dbf'])
    await landing.put(`${stem}.${part}`, await readFile(dataFile(`nc.${part}`)));
  if (prj !== undefined) await landing.put(`${stem}.prj`, prj);
  return `s3://landing-zone/${stem}.shp`;
}

test('rejects a file without a CRS, unless the manifest declares it', async () => {
  const path = await landing.upload(dataFile('storms_xyz.shp'));
  await expect(landing.load({ path, format: 'ESRI Shapefile' })).rejects.toMatchObject({
    code: 'CRS_MISSING',
    details: { file: path },
  });
  const loaded = await landing.load({ path, format: 'ESRI Shapefile', crs: 'EPSG:4326' });
  expect(loaded).toMatchObject({ srid: 4326, notes: [], files: [{ crs: 'EPSG:4326' }] });
});

test('rejects an unreadable .prj, unless the manifest declares the CRS', async () => {
  const path = await shapefileWithPrj('prj-broken', 'this is not WKT');
  await expect(landing.load({ path, format: 'ESRI Shapefile' })).rejects.toMatchObject({
    code: 'CRS_UNREADABLE',
    details: { file: path },
  });
  expect((await landing.load({ path, format: 'ESRI Shapefile', crs: 'EPSG:4267' })).srid).toBe(4267);
});

test('prefers the CRS of the manifest to that of the file, with a note', async () => {
  const loaded = await landing.load({
    path: await landing.upload(dataFile('nc.shp'), 'declared.shp'),
    format: 'ESRI Shapefile',
    crs: 'EPSG:4269',
  });
  expect(loaded.srid).toBe(4269);
  expect(loaded.notes).toEqual([
    {
      code: 'CRS_DECLARED_OVERRIDES',
      file: 's3://landing-zone/declared.shp',
      message: 'The manifest declares EPSG:4269, but the file contains EPSG:4267. The CRS of the manifest was used.',
    },
  ]);
});

test('stores a CRS without a code by its text, once for all runs', async () => {
  const path = await shapefileWithPrj('custom', CUSTOM_PRJ);
  const small = { path, format: 'ESRI Shapefile' };
  const [one, two] = await Promise.all([landing.load(small), landing.load(small)]);
  expect(one.srid).toBeGreaterThanOrEqual(910_000);
  expect(two.srid).toBe(one.srid);
  expect(one.files[0]?.crs).toBe('Lambert of my own');
  expect(await one.query(`select count(*)::int n from spatial_ref_sys where srid >= 910000`)).toEqual([{ n: 1 }]);
  expect(await one.query(`select distinct st_srid(geom) srid from raw_data`)).toEqual([{ srid: one.srid }]);
  // The origin, with its false easting, is at the place in the text.
  expect(
    await one.query(`select st_astext(st_transform('SRID=${one.srid};POINT(1234.5 0)'::geometry, 4326), 6) p`),
  ).toEqual([{ p: 'POINT(-80 35)' }]);
});

test.each([
  'http://localhost:1/x',
  '/etc/passwd',
  '+init=epsg:4326',
  '+proj=longlat',
  'EPSG:999999',
  '/vsicurl/http://localhost/x.prj',
  'GEOGCS["broken',
  'EPSG',
  'DATUM["x"]',
  `GEOGCS["a",EXTENSION["PROJ4","+proj=longlat +nadgrids=/etc/passwd"]]`,
])('rejects %s as a CRS', async (crs) => {
  await expect(
    landing.load({ path: await landing.put('p.geojson', point(1, 2)), format: 'GeoJSON', crs }),
  ).rejects.toMatchObject({ code: 'CRS_UNREADABLE' });
});

test('accepts WKT and other notations in the manifest', async () => {
  const path = await landing.put('bng.csv', 'x,y\n530000,180000\n');
  for (const crs of ['epsg:27700', 'urn:ogc:def:crs:EPSG::27700'])
    expect((await landing.load({ path, format: 'CSV', crs })).srid).toBe(27700);
  const wkt =
    'PROJCS["OSGB36 / British National Grid",GEOGCS["OSGB36",DATUM["Ordnance_Survey_of_Great_Britain_1936",SPHEROID["Airy 1830",6377563.396,299.3249646]],PRIMEM["Greenwich",0],UNIT["degree",0.0174532925199433]],PROJECTION["Transverse_Mercator"],PARAMETER["latitude_of_origin",49],PARAMETER["central_meridian",-2],PARAMETER["scale_factor",0.9996012717],PARAMETER["false_easting",400000],PARAMETER["false_northing",-100000],UNIT["metre",1],AUTHORITY["EPSG","27700"]]';
  expect((await landing.load({ path, format: 'CSV', crs: wkt })).srid).toBe(27700);
});

test.each([
  ['urn:ogc:def:crs:OGC:1.3:CRS84', 1, 52, 4326],
  ['urn:ogc:def:crs:EPSG::27700', 530000, 180000, 27700],
  ['EPSG:3857', 100000, 200000, 3857],
  ['http://www.opengis.net/def/crs/EPSG/0/27700', 530000, 180000, 27700],
])('reads GeoJSON with the CRS %s', async (name, x, y, srid) => {
  const loaded = await landing.load({
    path: await landing.put('named.geojson', point(x, y, named(name))),
    format: 'GeoJSON',
  });
  expect(loaded.srid).toBe(srid);
  expect(await loaded.query('select st_x(geom) x, st_y(geom) y from raw_data')).toEqual([{ x, y }]);
});

test('rejects GeoJSON with an unknown CRS, with the CRS null, and with a link', async () => {
  const load = async (crs: unknown, declared?: string) =>
    landing.load({ path: await landing.put('odd.geojson', point(1, 2, crs)), format: 'GeoJSON', crs: declared });
  await expect(load(named('Local grid of the mine'))).rejects.toMatchObject({ code: 'CRS_UNREADABLE' });
  expect((await load(named('Local grid of the mine'), 'EPSG:4326')).srid).toBe(4326);
  await expect(load(null)).rejects.toMatchObject({ code: 'CRS_MISSING' });
  await expect(
    load({ type: 'link', properties: { href: 'http://localhost:1/crs', type: 'ogcwkt' } }, 'EPSG:4326'),
  ).rejects.toMatchObject({ code: 'FILE_FORBIDDEN_CONTENT' });
});

test('reads an attribute named crs as an attribute', async () => {
  const file = {
    type: 'FeatureCollection',
    features: [
      { type: 'Feature', properties: { crs: null }, geometry: null },
      { type: 'Feature', properties: { crs: 'EPSG:1' }, geometry: { type: 'Point', coordinates: [1, 2] } },
    ],
  };
  const loaded = await landing.load({
    path: await landing.put('attribute.geojson', JSON.stringify(file)),
    format: 'GeoJSON',
  });
  expect(loaded).toMatchObject({ srid: 4326, columns: [{ name: 'crs', type: 'character varying' }] });
});

test('ignores the CRS in a member crs of attributes, features and geometries', async () => {
  const crs = { type: 'name', properties: { name: 'EPSG:4277' } };
  const file = {
    type: 'FeatureCollection',
    features: [{ type: 'Feature', properties: { crs }, crs, geometry: { type: 'Point', coordinates: [1, 52], crs } }],
  };
  const loaded = await landing.load({
    path: await landing.put('nested é.geojson', JSON.stringify(file)),
    format: 'GeoJSON',
  });
  expect(loaded).toMatchObject({ srid: 4326, files: [{ crs: 'OGC:CRS84' }] });
  expect(await loaded.query('select st_astext(geom) g from raw_data')).toEqual([{ g: 'POINT(1 52)' }]);
});

test.each([
  ['with an escaped key', String.raw`"\u0063rs":{"type":"name","properties":{"name":"EPSG:27700"}}`],
  ['with another first member', '"crs":{"é":1,"properties":{"x":{},"name":"EPSG:27700"},"type":"name"}'],
  ['of type EPSG', '"crs":{"type":"EPSG","properties":{"code":27700}}'],
])('finds a CRS %s before and after the features', async (_name, member) => {
  const features =
    '"features":[{"type":"Feature","properties":{"crs":null},"geometry":{"type":"Point","coordinates":[530000,180000]}}]';
  for (const members of [
    [member, features],
    [features, member],
  ]) {
    const path = await landing.put('member.geojson', `{"type":"FeatureCollection",${members.join(',')}}`);
    expect((await landing.load({ path, format: 'GeoJSON' })).srid).toBe(27700);
  }
});

test('rejects two different CRSs, and a link after another CRS', async () => {
  const load = async (crs: string) =>
    landing.load({
      path: await landing.put(
        'two.geojson',
        `{"type":"FeatureCollection","crs":${JSON.stringify(named('EPSG:3857'))},"features":[{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[1,2]}}],"crs":${crs}}`,
      ),
      format: 'GeoJSON',
    });
  await expect(load(JSON.stringify(named('EPSG:27700')))).rejects.toMatchObject({ code: 'CRS_UNREADABLE' });
  await expect(load('{"x":1,"type":"link","properties":{"href":"/etc/x"}}')).rejects.toMatchObject({
    code: 'FILE_FORBIDDEN_CONTENT',
  });
});

test('loads GML 3 in EPSG:4326, which has latitude first, with longitude first', async () => {
  const made = await landing.make(
    'axis.gml',
    '-f',
    'GML',
    '-dsco',
    'FORMAT=GML3',
    '-a_srs',
    'EPSG:4326',
    await landing.make(
      'axis.geojson',
      dataFile('cycle_hire_xy.csv'),
      '-oo',
      'X_POSSIBLE_NAMES=X',
      '-oo',
      'Y_POSSIBLE_NAMES=Y',
    ),
  );
  expect(await readFile(made, 'utf8')).toMatch(/<gml:pos>51\.\d+ -0\.\d+/);
  const loaded = await landing.load({ path: await landing.upload(made), format: 'GML' });
  expect(
    await loaded.query(
      'select bool_and(st_x(geom) between -1 and 1 and st_y(geom) between 51 and 52) ok from raw_data',
    ),
  ).toEqual([{ ok: true }]);
});

test.each([
  ['meters in a geographic CRS', 530000, 180000, 'EPSG:4326', 'latitudes are at most 90 degrees'],
  ['degrees in a projected CRS', -0.1, 51.5, 'EPSG:27700', 'they look like degrees'],
  ['coordinates far outside of the area of use', 2600000, 1200000, 'EPSG:27700', 'degrees outside its area of use'],
  ['coordinates that cannot be transformed', 1e12, 1e12, 'EPSG:27700', 'cannot be in EPSG:27700'],
])('rejects %s', async (_name, x, y, crs, reason) => {
  const path = await landing.put('extent.csv', `x,y\n${x},${y}\n`);
  await expect(landing.load({ path, format: 'CSV', crs })).rejects.toMatchObject({
    code: 'CRS_EXTENT_MISMATCH',
    message: expect.stringContaining(reason) as string,
    details: { file: path, extent: [x, y, x, y], crs },
  });
});

test('accepts a world map with corners outside of the projection', async () => {
  const robinson =
    'PROJCRS["Robinson",BASEGEOGCRS["WGS 84",DATUM["World Geodetic System 1984",ELLIPSOID["WGS 84",6378137,298.257223563]]],CONVERSION["Robinson",METHOD["Robinson"],PARAMETER["Longitude of natural origin",0],PARAMETER["False easting",0],PARAMETER["False northing",0]],CS[Cartesian,2],AXIS["(E)",east],AXIS["(N)",north],LENGTHUNIT["metre",1]]';
  const loaded = await landing.load({
    path: await landing.put('robinson.csv', 'x,y\n-16900000,0\n16900000,0\n0,8600000\n0,-8600000\n'),
    format: 'CSV',
    crs: robinson,
  });
  expect(loaded).toMatchObject({ row_count: 4, notes: [] });
});

test('loads a file with an unreadable .prj if the manifest declares the CRS', async () => {
  for (const part of ['shp', 'shx', 'dbf'])
    await landing.put(`broken é.${part}`, await readFile(dataFile(`nc.${part}`)));
  await landing.put('broken é.prj', 'PROJCS["nothing sensible');
  const path = 's3://landing-zone/broken é.shp';
  await expect(landing.load({ path, format: 'ESRI Shapefile' })).rejects.toMatchObject({ code: 'CRS_UNREADABLE' });
  const message =
    'The manifest declares EPSG:4267, but the CRS in the file cannot be read. The CRS of the manifest was used.';
  expect(await landing.load({ path, format: 'ESRI Shapefile', crs: 'EPSG:4267' })).toMatchObject({
    row_count: 100,
    srid: 4267,
    notes: [{ code: 'CRS_DECLARED_OVERRIDES', file: path, message }],
  });
});

test('adds a note for longitudes from 0 to 360 and for coordinates a little outside of the area of use', async () => {
  const wide = await landing.load({
    path: await landing.put('wide.csv', 'x,y\n350,10\n'),
    format: 'CSV',
    crs: 'EPSG:4326',
  });
  expect(wide.notes.map((note) => note.code)).toEqual(['LONGITUDE_BEYOND_180']);
  const near = await landing.load({
    path: await landing.put('near.csv', 'x,y\n900000,200000\n'),
    format: 'CSV',
    crs: 'EPSG:27700',
  });
  expect(near.notes.map((note) => note.code)).toEqual(['CRS_OUTSIDE_AREA_OF_USE']);
});

test('checks the coordinates of a CRS in grads in grads', async () => {
  expect(
    (await landing.load({ path: await landing.put('grads.csv', 'x,y\n0.5,54.2\n'), format: 'CSV', crs: 'EPSG:4807' }))
      .notes,
  ).toEqual([]);
  expect(
    (await landing.load({ path: await landing.put('pole.csv', 'x,y\n0.5,99\n'), format: 'CSV', crs: 'EPSG:4807' }))
      .notes,
  ).toEqual([]);
});
