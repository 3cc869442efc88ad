import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { dataFile, type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** Geometries keep their types and dimensions; null and empty ones are kept. Also layers and several files. */

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const collection = (...geometries: unknown[]) =>
  JSON.stringify({
    type: 'FeatureCollection',
    features: geometries.map((geometry, id) => ({ type: 'Feature', properties: { id }, geometry })),
  });

test.each([
  ['storms_xyz.shp', 'Z'],
  ['storms_xyzm.shp', 'M'],
] as const)('loads %s with its %s', async (file, dimension) => {
  const loaded = await landing.load({
    path: await landing.upload(dataFile(file)),
    format: 'ESRI Shapefile',
    crs: 'EPSG:4326',
  });
  expect(loaded.row_count).toBe(71);
  expect(await loaded.query('select distinct st_zmflag(geom)::int d from raw_data')).toEqual([
    { d: dimension === 'Z' ? 2 : 1 },
  ]);
});

test('loads single and multi geometries, collections, nulls and Z from one file', async () => {
  const path = await landing.put(
    'mixed.geojson',
    collection(
      { type: 'Point', coordinates: [1, 2] },
      {
        type: 'MultiPoint',
        coordinates: [
          [1, 2, 3],
          [4, 5, 6],
        ],
      },
      null,
      {
        type: 'GeometryCollection',
        geometries: [
          { type: 'Point', coordinates: [1, 2] },
          {
            type: 'LineString',
            coordinates: [
              [1, 2],
              [3, 4],
            ],
          },
        ],
      },
    ),
  );
  const loaded = await landing.load({ path, format: 'GeoJSON' });
  expect(await loaded.query('select st_asewkt(geom) g, sluice_fid::int k from raw_data order by 2')).toEqual([
    { k: 1, g: 'SRID=4326;POINT(1 2)' },
    { k: 2, g: 'SRID=4326;MULTIPOINT(1 2 3,4 5 6)' },
    { k: 3, g: null },
    { k: 4, g: 'SRID=4326;GEOMETRYCOLLECTION(POINT(1 2),LINESTRING(1 2,3 4))' },
  ]);
});

test('keeps curves and empty geometries', async () => {
  const csv = await landing.put(
    'curves.csv',
    'i,wkt\n1,"CIRCULARSTRING (0 0, 1 1, 2 0)"\n2,POLYGON EMPTY\n3,\n4,"CURVEPOLYGON (CIRCULARSTRING (0 0, 4 0, 4 4, 0 4, 0 0))"\n',
  );
  const loaded = await landing.load({ path: csv, format: 'CSV', crs: 'EPSG:4326' });
  expect(
    await loaded.query('select geometrytype(geom) t, st_isempty(geom) e from raw_data order by sluice_fid'),
  ).toEqual([
    { t: 'CIRCULARSTRING', e: false },
    { t: 'POLYGON', e: true },
    { t: null, e: null },
    { t: 'CURVEPOLYGON', e: false },
  ]);
  const made = await landing.make(
    'curves.gpkg',
    await landing.make(
      'curves-made.csv',
      '-f',
      'CSV',
      '-lco',
      'GEOMETRY=AS_WKT',
      '-nlt',
      'CURVEPOLYGON',
      dataFile('nc.shp'),
      '-limit',
      '3',
    ),
    '-nlt',
    'CURVEPOLYGON',
    '-a_srs',
    'EPSG:4326',
  );
  const geopackage = await landing.load({ path: await landing.upload(made), format: 'GPKG' });
  expect(await geopackage.query('select distinct geometrytype(geom) t from raw_data')).toEqual([{ t: 'CURVEPOLYGON' }]);
});

test('keeps empty geometries of a layer of unknown type', async () => {
  const csv = await landing.make('empties.csv', '-f', 'CSV', dataFile('nc.shp'), '-limit', '1');
  await writeFile(
    csv,
    'id,WKT\n1,\n2,POINT EMPTY\n3,POLYGON EMPTY\n4,MULTIPOLYGON EMPTY\n5,GEOMETRYCOLLECTION EMPTY\n6,POINT Z (1 2 3)\n',
  );
  const made = await landing.make('empties.gpkg', csv, '-nln', 'e', '-a_srs', 'EPSG:4326');
  const loaded = await landing.load({ path: await landing.upload(made), format: 'GPKG' });
  expect(await loaded.query('select st_asewkt(geom) g from raw_data order by sluice_fid')).toEqual([
    { g: null },
    ...['POINT EMPTY', 'POLYGON EMPTY', 'MULTIPOLYGON EMPTY', 'GEOMETRYCOLLECTION EMPTY', 'POINT(1 2 3)'].map((g) => ({
      g: `SRID=4326;${g}`,
    })),
  ]);
});

test('keeps Z and M of a layer that does not declare them', async () => {
  const csv = await landing.make(
    'dims.csv',
    '-f',
    'CSV',
    dataFile('cycle_hire_xy.csv'),
    '-dialect',
    'SQLite',
    '-sql',
    `select 1 as id, 'POINT ZM (1 2 3 4)' as WKT from cycle_hire_xy limit 1`,
  );
  await writeFile(csv, 'id,WKT\n1,POINT ZM (1 2 3 4)\n2,POINT M (1 2 5)\n3,POINT Z (1 2 6)\n4,POINT (1 2)\n5,\n');
  const made = await landing.make(
    'dims.gpkg',
    csv,
    '-nln',
    'dims',
    '-a_srs',
    'EPSG:4326',
    '-nlt',
    'GEOMETRY',
    '-dim',
    'XYZM',
  );
  expect((await landing.load({ path: await landing.upload(made), format: 'GPKG' })).row_count).toBe(5);
});

test('loads a file without features as an empty table', async () => {
  const made = await landing.make('empty.gpkg', dataFile('nc.shp'), '-where', `NAME = 'nowhere'`);
  const loaded = await landing.load({ path: await landing.upload(made), format: 'GPKG' });
  expect(loaded).toMatchObject({ row_count: 0, srid: 4267, notes: [] });
  expect(loaded.columns.length).toBe(15);
  const geojson = await landing.load({ path: await landing.put('empty.geojson', collection()), format: 'GeoJSON' });
  expect(geojson).toMatchObject({ row_count: 0, columns: [], srid: 4326 });
});

test('loads the named layer, and lists the layers to choose from', async () => {
  const two = await landing.make('two.gpkg', dataFile('nc.shp'), '-nln', 'Länder: "A"');
  await landing.make(
    'two.gpkg',
    '-update',
    '-append',
    dataFile('storms_xyz.shp'),
    '-nln',
    'storms',
    '-a_srs',
    'EPSG:4326',
  );
  const path = await landing.upload(two);
  await expect(landing.load({ path, format: 'GPKG' })).rejects.toMatchObject({
    code: 'LAYER_AMBIGUOUS',
    details: { layers: ['Länder: "A"', 'storms'] },
  });
  await expect(landing.load({ path, format: 'GPKG', layer: 'roads' })).rejects.toMatchObject({
    code: 'LAYER_MISSING',
    details: { layer: 'roads', layers: ['Länder: "A"', 'storms'] },
  });
  expect(await landing.load({ path, format: 'GPKG', layer: 'Länder: "A"' })).toMatchObject({
    row_count: 100,
    files: [{ layer: 'Länder: "A"' }],
  });
  const table = await landing.make('table.gpkg', dataFile('nc.shp'), '-nlt', 'NONE');
  await expect(landing.load({ path: await landing.upload(table), format: 'GPKG' })).rejects.toMatchObject({
    code: 'NO_GEOMETRY',
  });
});

test('loads a layer with a name like an option', async () => {
  const folder = (name: string) =>
    `<Folder><name>${name}</name><Placemark><name>${name}</name><Point><coordinates>1,2</coordinates></Point></Placemark></Folder>`;
  const path = await landing.put(
    'flag.kml',
    `<kml xmlns="http://www.opengis.net/kml/2.2"><Document>${folder('-append')}${folder('--config')}</Document></kml>`,
  );
  await expect(landing.load({ path, format: 'KML' })).rejects.toMatchObject({
    code: 'LAYER_AMBIGUOUS',
    details: { layers: ['-append', '--config'] },
  });
  for (const layer of ['-append', '--config'])
    expect(await (await landing.load({ path, format: 'KML', layer })).query('select "Name" from raw_data')).toEqual([
      { Name: layer },
    ]);
});

test('loads several files in their order, in the CRS of the first', async () => {
  const first = await landing.upload(dataFile('nc.shp'), 'many/1.shp');
  const second = await landing.upload(
    await landing.make('second.gpkg', dataFile('nc.shp'), '-t_srs', 'EPSG:32119', '-nlt', 'GEOMETRY'),
    'many/2.gpkg',
  );
  const loaded = await landing.load([
    { path: first, format: 'ESRI Shapefile' },
    { path: second, format: 'GPKG' },
  ]);
  expect(loaded).toMatchObject({
    row_count: 200,
    srid: 4267,
    files: [
      { path: first, row_count: 100 },
      { path: second, row_count: 100, crs: 'EPSG:32119' },
    ],
  });
  expect(
    await loaded.query(
      'select count(distinct sluice_fid)::int n, max(sluice_fid)::int last, count(distinct st_srid(geom))::int srids, round(st_xmin(st_extent(geom))::numeric, 3)::float west from raw_data',
    ),
  ).toEqual([{ n: 200, last: 200, srids: 1, west: -84.324 }]);
  expect(await loaded.query(`select tablename from pg_tables where schemaname = current_schema() order by 1`)).toEqual([
    { tablename: 'raw_data' },
    { tablename: 'sluice_fence' },
  ]);
  await expect(
    landing.load([
      { path: first, format: 'ESRI Shapefile' },
      { path: await landing.put('many/3.geojson', collection(null)), format: 'GeoJSON' },
    ]),
  ).rejects.toMatchObject({
    code: 'COLUMNS_DIFFER',
    message: expect.stringContaining('"AREA" is missing') as string,
  });
});

test('notes positions of GeoJSON with more than three numbers', async () => {
  const line = {
    type: 'LineString',
    coordinates: [
      [1, 2, 3, 4],
      [5, 6, 7, 8],
    ],
  };
  const text = JSON.stringify({ type: 'Feature', properties: { a: 1 }, geometry: line });
  const loaded = await landing.load({ path: await landing.put('measured.geojson', text), format: 'GeoJSON' });
  expect(loaded.notes).toMatchObject([
    { code: 'COORDINATES_DROPPED', message: expect.stringContaining('2 positions have more than three') as string },
  ]);
  expect(await loaded.query('select st_astext(geom) as wkt from raw_data')).toEqual([
    { wkt: 'LINESTRING Z (1 2 3,5 6 7)' },
  ]);
});
