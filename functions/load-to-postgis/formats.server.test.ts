import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataFile, type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** Every format of docs/formats.md, written by ogr2ogr from real data, is loaded with the same features. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const NC = dataFile('nc.shp');
const SUMMARY = `select count(*)::int n, count(distinct sluice_fid)::int keys, min(sluice_fid)::int first, max(sluice_fid)::int last, round(st_xmin(st_extent(geom))::numeric, 3)::float west, round(st_ymax(st_extent(geom))::numeric, 3)::float north, min(st_srid(geom)) srid from raw_data`;
const nc = (srid: number) => [{ n: 100, keys: 100, first: 1, last: 100, west: -84.324, north: 36.59, srid }];

test('loads a shapefile with all of its files', async () => {
  const loaded = await landing.load({
    path: await landing.upload(NC, 'b 1/Straße #1 é😀.shp'),
    format: 'ESRI Shapefile',
  });
  expect(await loaded.query(SUMMARY)).toEqual(nc(4267));
  expect(loaded).toMatchObject({
    srid: 4267,
    row_count: 100,
    notes: [],
    files: [{ crs: 'EPSG:4267', format: 'ESRI Shapefile', layer: null, row_count: 100 }],
  });
  expect(loaded.columns.slice(0, 6)).toEqual([
    { name: 'AREA', type: 'double precision' },
    { name: 'PERIMETER', type: 'double precision' },
    { name: 'CNTY_', type: 'double precision' },
    { name: 'CNTY_ID', type: 'double precision' },
    { name: 'NAME', type: 'character varying' },
    { name: 'FIPS', type: 'character varying' },
  ]);
  expect(await loaded.query('select distinct geometrytype(geom) t from raw_data order by 1')).toEqual([
    { t: 'MULTIPOLYGON' },
    { t: 'POLYGON' },
  ]);
});

test.each([
  ['GPKG', 'nc.gpkg', [], 4267],
  ['GeoPackage', 'nc-named.gpkg', ['-nln', 'Grafschaften & "Co"'], 4267],
  ['GeoJSON', 'nc.geojson', ['-t_srs', 'EPSG:4326', '-lco', 'RFC7946=NO', '-lco', 'COORDINATE_PRECISION=15'], 4326],
  [
    'ndjson',
    'nc.geojsonl',
    ['-f', 'GeoJSONSeq', '-s_srs', 'EPSG:4326', '-t_srs', 'EPSG:4326', '-lco', 'COORDINATE_PRECISION=15'],
    4326,
  ],
  ['FlatGeobuf', 'nc.fgb', ['-lco', 'SPATIAL_INDEX=NO', '-nlt', 'GEOMETRY'], 4267],
  ['KML', 'nc.kml', ['-f', 'LIBKML', '-a_srs', 'EPSG:4326'], 4326],
  ['KMZ', 'nc.kmz', ['-f', 'LIBKML', '-a_srs', 'EPSG:4326'], 4326],
  ['GML', 'nc.gml', ['-f', 'GML'], 4267],
  ['TAB', 'nc.tab', ['-f', 'MapInfo File', '-unsetFieldWidth'], undefined],
  ['MIF', 'nc.mif', ['-f', 'MapInfo File', '-dsco', 'FORMAT=MIF'], undefined],
  ['SpatiaLite', 'nc.sqlite', ['-f', 'SQLite', '-dsco', 'SPATIALITE=YES', '-nlt', 'MULTIPOLYGON'], 4267],
] as const)('loads %s: %s', async (format, name, args, srid) => {
  const loaded = await landing.load({
    path: await landing.upload(await landing.make(name, NC, ...args), `in/${name}`),
    format,
  });
  const [summary] = await loaded.query(SUMMARY);
  expect(summary).toMatchObject({ n: 100, keys: 100, first: 1, last: 100 });
  expect(summary?.west).toBeCloseTo(-84.324, 2);
  expect(summary?.north).toBeCloseTo(36.59, 2);
  if (srid !== undefined) expect(loaded.srid).toBe(srid);
  expect(loaded.columns.map((column) => column.name.toLowerCase())).toEqual(expect.arrayContaining(['area', 'fips']));
});

test.each(['zip', 'shz'])('loads a shapefile in a .%s, without the files of Windows', async (extension) => {
  const zip = await landing.zip(
    `nc.${extension}`,
    ...['shp', 'shx', 'dbf', 'prj'].map((part) => dataFile(`nc.${part}`)),
    await landing.file('Thumbs.db', 'thumbnails'),
  );
  const loaded = await landing.load({ path: await landing.upload(zip, `zip/nc.${extension}`), format: 'Shapefile' });
  expect(await loaded.query(SUMMARY)).toEqual(nc(4267));
});

test('loads the waypoints of a GPX file, without its empty layers', async () => {
  const made = await landing.make(
    'trees.gpx',
    dataFile('cycle_hire_xy.csv'),
    '-f',
    'GPX',
    '-oo',
    'X_POSSIBLE_NAMES=X',
    '-oo',
    'Y_POSSIBLE_NAMES=Y',
    '-nln',
    'waypoints',
    '-nlt',
    'POINT',
    '-a_srs',
    'EPSG:4326',
    '-select',
    'name',
  );
  const loaded = await landing.load({ path: await landing.upload(made), format: 'GPX' });
  expect(loaded).toMatchObject({ row_count: 742, srid: 4326, files: [{ layer: 'waypoints', crs: 'OGC:CRS84' }] });
  expect(loaded.columns).toContainEqual({ name: 'time', type: 'timestamp with time zone' });
});

test('loads a CSV with coordinates in two columns', async () => {
  const loaded = await landing.load({
    path: await landing.upload(dataFile('cycle_hire_xy.csv')),
    format: 'CSV',
    crs: 'EPSG:4326',
  });
  expect(loaded.columns).toEqual([
    { name: 'X', type: 'double precision' },
    { name: 'Y', type: 'double precision' },
    { name: 'id', type: 'bigint' },
    { name: 'name', type: 'character varying' },
    { name: 'area', type: 'character varying' },
    { name: 'nbikes', type: 'bigint' },
    { name: 'nempty', type: 'bigint' },
  ]);
  expect(
    await loaded.query('select count(*)::int n, count(geom)::int g, min(st_srid(geom)) srid from raw_data'),
  ).toEqual([{ n: 742, g: 742, srid: 4326 }]);
});
