import { readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UNCONFINED } from '#shared/gdal/sandbox/confinement.ts';
import { createGdal } from '#shared/gdal/runner.ts';
import { testEnv } from '../../tests/servers.ts';
import { WRITE_ARCHIVES, WRITE_VIEW, WRITE_VIRTUAL_TABLE } from '../../tests/fixtures/hostile-files.ts';
import { dataFile, type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** Rejects files that refer to other files, servers and databases. A listener checks that nothing connects to it. */

let listener: Server;
let connections = 0;
let url: string;
beforeAll(async () => {
  listener = createServer((socket) => {
    connections++;
    socket.destroy();
  });
  await new Promise<void>((done) => {
    listener.listen(0, '127.0.0.1', done);
  });
  const address = listener.address();
  url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : 0}`;
});
afterAll(
  () =>
    new Promise((done) => {
      listener.close(done);
    }),
);

describe.each([
  ['in a sandbox', undefined],
  ['without a sandbox, confined by environment variables only', UNCONFINED],
])('%s', (_name, confinement) => {
  let landing: LandingFixture;
  beforeAll(async () => {
    landing = await openLandingFixture(confinement ? { gdal: createGdal(testEnv(), { confinement }) } : {});
  });
  afterAll(() => landing[Symbol.asyncDispose]());

  const vrt = () =>
    `<OGRVRTDataSource><OGRVRTLayer name="x"><SrcDataSource>${url}/data.geojson</SrcDataSource></OGRVRTLayer></OGRVRTDataSource>`;
  const cases: [string, string, () => string | Buffer, string][] = [
    ['a VRT renamed .geojson', 'GeoJSON', vrt, 'FORMAT_MISMATCH'],
    ['a VRT renamed .shp', 'ESRI Shapefile', vrt, 'FORMAT_MISMATCH'],
    ['a VRT as GML', 'GML', vrt, 'FORMAT_MISMATCH'],
    ['a VRT as CSV', 'CSV', () => `${vrt()}\n`, 'CRS_MISSING|NO_GEOMETRY|FORMAT_MISMATCH'],
    [
      'a WMS description as GML',
      'GML',
      () => `<GDAL_WMS><Service name="WMS"><ServerUrl>${url}/wms?</ServerUrl></Service></GDAL_WMS>`,
      'FORMAT_MISMATCH',
    ],
    ['TopoJSON', 'GeoJSON', () => '{"type":"Topology","objects":{},"arcs":[]}', 'FORMAT_MISMATCH|FILE_UNREADABLE'],
    [
      'ESRI JSON that names a server',
      'GeoJSON',
      () =>
        `{"displayFieldName":"x","fieldAliases":{},"geometryType":"esriGeometryPoint","spatialReference":{"wkid":4326},"fields":[],"features":[],"url":"${url}"}`,
      'FORMAT_MISMATCH|FILE_UNREADABLE',
    ],
    [
      'a GeoJSON whose CRS is a link',
      'GeoJSON',
      () =>
        `{"type":"FeatureCollection","crs":{"type":"link","properties":{"href":"${url}/crs","type":"proj4"}},"features":[]}`,
      'FILE_FORBIDDEN_CONTENT',
    ],
    [
      'a GeoJSON with a geometry whose CRS is a link',
      'GeoJSON',
      () =>
        `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":{"type":"Point","crs":{"type":"link","properties":{"href":"${url}/crs","type":"proj4"}},"coordinates":[1,2]}}]}`,
      'FILE_FORBIDDEN_CONTENT',
    ],
    [
      'a GeoJSON whose CRS is a link to a local file',
      'GeoJSON',
      () =>
        '{"type":"Point","crs":null,"coordinates":[1,2]}'.replace(
          'null',
          '{"type":"url","properties":{"url":"/etc/passwd"}}',
        ),
      'FILE_FORBIDDEN_CONTENT',
    ],
    [
      'a GeoJSON with a link after the features',
      'GeoJSON',
      () =>
        `{"type":"FeatureCollection","features":[{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[1,2]}}],"crs":{"properties":{"href":"${url}/crs"},"type":"link"}}`,
      'FILE_FORBIDDEN_CONTENT',
    ],
    [
      'a KML entity bomb',
      'KML',
      () =>
        `<?xml version="1.0"?><!DOCTYPE kml [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]><kml><Document><name>&b;</name></Document></kml>`,
      'FILE_FORBIDDEN_CONTENT',
    ],
    ['a truncated GeoJSON', 'GeoJSON', () => '{"type":"FeatureCollection","features":[{"type":"Fea', 'FILE_UNREADABLE'],
    ['an empty file', 'GeoJSON', () => '', 'FILE_UNREADABLE'],
    ['a TIFF as GeoPackage', 'GPKG', () => Buffer.from([0x49, 0x49, 0x2a, 0, 8, 0, 0, 0]), 'FORMAT_MISMATCH'],
    [
      'a damaged SQLite database as GeoPackage',
      'GPKG',
      () => Buffer.concat([Buffer.from('SQLite format 3\0'), Buffer.alloc(4096, 1)]),
      'FILE_UNREADABLE|FORMAT_MISMATCH',
    ],
    ['a text as zip archive', 'zip', () => 'PK, but no archive', 'ARCHIVE_UNREADABLE'],
  ];
  test.each(cases)('rejects %s', async (name, format, content, code) => {
    const key = `hostile/${name}.${format === 'zip' ? 'zip' : 'dat'}`;
    if (format === 'ESRI Shapefile')
      for (const part of ['shx', 'dbf']) await landing.put(`hostile/${name}.${part}`, 'x');
    const path = await landing.put(key, content());
    const error: unknown = await landing
      .load({ path, format: format === 'zip' ? 'GeoJSON' : format })
      .catch((thrown: unknown) => thrown);
    expect((error as { code: string }).code).toMatch(new RegExp(`^(${code})$`));
    expect((error as Error).message).toContain(path);
    expect((error as Error).message).not.toContain(landing.env.SCRATCH_DIR);
    expect(connections).toBe(0);
  });

  test('reads KML with links, and GML with a remote schema, without them', async () => {
    const kml = `<kml xmlns="http://www.opengis.net/kml/2.2"><Document><NetworkLink><Link><href>${url}/other.kml</href></Link></NetworkLink><Placemark><name>é</name><Point><coordinates>1,2,3</coordinates></Point></Placemark></Document></kml>`;
    const loaded = await landing.load({ path: await landing.put('links.kml', kml), format: 'KML' });
    expect(await loaded.query('select "Name", st_asewkt(geom) g from raw_data')).toEqual([
      { Name: 'é', g: 'SRID=4326;POINT(1 2 3)' },
    ]);
    const gml = `<gml:FeatureCollection xmlns:gml="http://www.opengis.net/gml" xmlns:a="${url}/a" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:schemaLocation="${url}/a ${url}/a.xsd"><gml:featureMember><a:p><a:g><gml:Point srsName="EPSG:4326"><gml:coordinates>1,2</gml:coordinates></gml:Point></a:g></a:p></gml:featureMember></gml:FeatureCollection>`;
    expect(
      (await landing.load({ path: await landing.put('schema.gml', gml), format: 'GML', crs: 'EPSG:4326' })).row_count,
    ).toBe(1);
    expect(connections).toBe(0);
  });

  test.each([
    ['GPKG', 'gpkg', []],
    ['SQLite', 'sqlite', ['-dsco', 'SPATIALITE=YES']],
  ])('rejects %s with a virtual table that reads a local file', async (format, extension, args) => {
    const made = await landing.make(
      `virtual.${extension}`,
      '-f',
      format,
      ...args,
      dataFile('nc.shp'),
      '-nlt',
      'MULTIPOLYGON',
    );
    expect((await landing.load({ path: await landing.upload(made), format })).row_count).toBe(100);
    // The type and root page in the row of the schema do not matter.
    for (const [type, rootPage] of [
      ['table', '0'],
      ['TABLE', '0'],
      ['table', '2'],
      ['view', '0'],
    ] as const) {
      await execa('python3', ['-c', WRITE_VIRTUAL_TABLE, made, dataFile('cycle_hire_xy.csv'), type, rootPage]);
      await expect(
        landing.load({ path: await landing.upload(made), format }),
        `${type} ${rootPage}`,
      ).rejects.toMatchObject({ code: expect.stringMatching(/^FILE_(FORBIDDEN_CONTENT|UNREADABLE)$/) as string });
    }
    await execa('python3', ['-c', WRITE_VIRTUAL_TABLE, made, dataFile('cycle_hire_xy.csv'), 'table', '0']);
    await expect(landing.load({ path: await landing.upload(made), format })).rejects.toMatchObject({
      code: 'FILE_FORBIDDEN_CONTENT',
      message: expect.stringContaining('"v" of module virtualtext') as string,
    });
  });

  test('skips views, and rejects a layer that is a view without running it', async () => {
    const made = await landing.make('view.gpkg', '-f', 'GPKG', dataFile('nc.shp'), '-nlt', 'MULTIPOLYGON');
    for (const select of [
      'select fid, geom, NAME from nc where fid <= 10',
      'select a.fid, a.geom from nc a, nc b, nc c, nc d, nc e, nc f where a.fid < 0',
      'with recursive c(x) as (select 1 union all select x + 1 from c) select x as fid, null as geom from c',
    ]) {
      await execa('python3', ['-c', WRITE_VIEW, made, select]);
      const path = await landing.upload(made);
      await expect(landing.load({ path, format: 'GPKG', layer: 'v' }), select).rejects.toMatchObject({
        code: 'LAYER_NOT_TABLE',
        message:
          `Layer "v" of ${path} is a view. Sluice loads tables only. ` +
          'Save it as a table: ogr2ogr -f GPKG NEW view.gpkg "v"',
        details: { file: path, layer: 'v', kind: 'view' },
      });
      const loaded = await landing.load({ path, format: 'GPKG' });
      expect(loaded.row_count).toBe(100);
      const message = 'Views were skipped: "v". Sluice loads tables only.';
      expect(loaded.notes).toEqual([{ code: 'VIEWS_SKIPPED', file: path, message }]);
    }
  });

  test('skips a registered view of SpatiaLite, and views of its system tables without a note', async () => {
    const options = ['-f', 'SQLite', '-dsco', 'SPATIALITE=YES', '-nln', 'nc'];
    const made = await landing.make('view.sqlite', ...options, dataFile('nc.shp'), '-nlt', 'MULTIPOLYGON');
    const load = async () => landing.load({ path: await landing.upload(made), format: 'SQLite' });
    expect((await load()).notes).toEqual([]);
    const database = new DatabaseSync(made);
    database.exec(`
      create view "V #é" as select ogc_fid as rowid, * from nc, nc b, nc c, nc d, nc e, nc f;
      create trigger t instead of delete on "V #é" begin delete from nc; end;
      drop trigger vwgc_view_name_insert; drop trigger vwgc_f_table_name_insert;
      drop trigger vwgc_f_geometry_column_insert; drop trigger vwgc_view_geometry_insert;
      drop trigger vwgc_view_rowid_insert;
      insert into views_geometry_columns values ('V #é', 'geometry', 'rowid', 'nc', 'geometry', 1);`);
    database.close();
    const loaded = await load();
    expect(loaded.row_count).toBe(100);
    expect(loaded.notes).toMatchObject([
      { code: 'VIEWS_SKIPPED', message: expect.stringContaining(`"V #é"`) as string },
    ]);
  });

  test('does not run a view in the place of a system table, and rejects a file with views only', async () => {
    const made = await landing.make('system.gpkg', '-f', 'GPKG', dataFile('nc.shp'), '-nlt', 'MULTIPOLYGON');
    const database = new DatabaseSync(made);
    database.exec(`
      alter table gpkg_contents rename to contents;
      create view gpkg_contents as select a.* from contents a, nc b, nc c, nc d, nc e, nc f, nc g where b.fid < 0;`);
    database.close();
    const path = await landing.upload(made);
    await expect(landing.load({ path, format: 'GPKG' })).rejects.toMatchObject({
      code: 'LAYER_NOT_TABLE',
      message: expect.stringContaining('Layer "gpkg_contents"') as string,
    });
  });

  test('rejects a schema with a statement that is too long, before it is parsed', async () => {
    const made = await landing.make('comments.gpkg', '-f', 'GPKG', dataFile('nc.shp'), '-nlt', 'MULTIPOLYGON');
    await execa('python3', ['-c', WRITE_VIEW, made, 'select fid, geom from nc', '300000']);
    const path = await landing.upload(made);
    await expect(landing.load({ path, format: 'GPKG' })).rejects.toMatchObject({
      code: 'FILE_TOO_LARGE',
      message: expect.stringMatching(/ in its schema; the limit is 1048576\. Remove comments/) as string,
      details: { file: path, limit: 2 ** 20 },
    });
  });

  test('stops a table that produces too many rows for the size of its file', async () => {
    const made = await landing.make('growing.gpkg', '-f', 'GPKG', dataFile('nc.shp'), '-nlt', 'MULTIPOLYGON');
    const database = new DatabaseSync(made);
    database.exec(`alter table nc add column t text as (printf('%.*c', 50000000, 'x'))`);
    database.close();
    const path = await landing.upload(made);
    await expect(landing.load({ path, format: 'GPKG' })).rejects.toMatchObject({
      code: 'FILE_TOO_LARGE',
      details: { file: path, limit: 2 ** 28 },
    });
  });

  test('rejects GML, KMZ and a schema with an entity that is a local file, after a long comment', async () => {
    const comment = `<!-- <ogr:FeatureCollection xmlns:gml="http://www.opengis.net/gml" xmlns:ogr="http://ogr.maptools.org/"> ${'x'.repeat(17_000)} -->`;
    const entity = '<!DOCTYPE r [<!ENTITY e SYSTEM "file:///etc/passwd">]>';
    const gml =
      '<ogr:FeatureCollection xmlns:gml="http://www.opengis.net/gml" xmlns:ogr="http://ogr.maptools.org/"><gml:featureMember><ogr:p fid="p.0"><ogr:g><gml:Point srsName="EPSG:4326"><gml:coordinates>1,2</gml:coordinates></gml:Point></ogr:g><ogr:name>&e;</ogr:name></ogr:p></gml:featureMember></ogr:FeatureCollection>';
    const refused = { code: 'FILE_FORBIDDEN_CONTENT', message: expect.stringContaining('<!DOCTYPE>') as string };
    const declared = '<?xml version="1.0" encoding="windows-1252"?>\n';
    await expect(
      landing.load({
        path: await landing.put('entity é.gml', `${declared}${comment}${entity}${gml}`),
        format: 'GML',
        crs: 'EPSG:4326',
      }),
    ).rejects.toMatchObject(refused);
    await expect(
      landing.load({
        path: await landing.put('entity.gml', `${declared.replace('windows-1252', 'UTF-7')}${gml}`),
        format: 'GML',
        crs: 'EPSG:4326',
      }),
    ).rejects.toMatchObject({ code: 'FILE_FORBIDDEN_CONTENT' });
    await landing.put('schema entity.xsd', `${comment}${entity}<xs:schema/>`);
    await expect(
      landing.load({
        path: await landing.put('schema entity.gml', gml.replace('&e;', 'e')),
        format: 'GML',
        crs: 'EPSG:4326',
      }),
    ).rejects.toMatchObject(refused);
    const kml = join(landing.folder, 'doc.kml');
    writeFileSync(kml, `${comment}${entity}<kml><Document><name>&e;</name></Document></kml>`);
    await expect(
      landing.load({ path: await landing.upload(await landing.zip('entity.kmz', kml)), format: 'KMZ' }),
    ).rejects.toMatchObject(refused);
    // Without the entity, an encoding of one byte per character is accepted.
    const read = await landing.load({
      path: await landing.put('windows.gml', Buffer.from(`${declared}${gml.replace('&e;', 'é')}`, 'latin1')),
      format: 'GML',
      crs: 'EPSG:4326',
    });
    expect(await read.query('select name from raw_data')).toEqual([{ name: 'é' }]);
  });

  test('rejects a MapInfo view on other tables', async () => {
    await landing.put('view.dat', 'x');
    await expect(
      landing.load({
        path: await landing.put(
          'view.tab',
          '!table\n!version 100\nopen table "/etc/x.tab"\ncreate view v as select * from x\n',
        ),
        format: 'TAB',
      }),
    ).rejects.toMatchObject({ code: 'FILE_FORBIDDEN_CONTENT' });
  });

  test('rejects a MapInfo seamless table that is declared at the end of its metadata', async () => {
    const made = await landing.make('seamless.tab', '-f', 'MapInfo File', dataFile('nc.shp'), '-select', 'NAME');
    const metadata = `begin_metadata\n${'"\\Padding" = "é"\n'.repeat(2000)}"\\IsSeamless" = "TRUE"\nend_metadata\n`;
    expect((await landing.load({ path: await landing.upload(made), format: 'TAB' })).row_count).toBe(100);
    writeFileSync(made, `${readFileSync(made, 'latin1')}${metadata}`, 'latin1');
    await expect(landing.load({ path: await landing.upload(made), format: 'TAB' })).rejects.toMatchObject({
      code: 'FILE_FORBIDDEN_CONTENT',
    });
    writeFileSync(made, Buffer.alloc(2 ** 21, `${readFileSync(made, 'latin1')}\n`, 'latin1'));
    await expect(landing.load({ path: await landing.upload(made), format: 'TAB' })).rejects.toMatchObject({
      code: 'FILE_TOO_LARGE',
    });
  });

  test('rejects archives with unsafe, missing or ambiguous files', async () => {
    const zip = join(landing.folder, 'hostile.zip');
    await execa('python3', ['-c', WRITE_ARCHIVES, landing.folder, dataFile('nc.shp').slice(0, -4)]);
    for (const [name, code] of [
      ['absolute', 'ARCHIVE_UNSAFE'],
      ['parent', 'ARCHIVE_UNSAFE'],
      ['backslash', 'ARCHIVE_UNSAFE'],
      ['link', 'ARCHIVE_UNSAFE'],
      ['bomb', 'ARCHIVE_UNSAFE'],
      ['none', 'ARCHIVE_AMBIGUOUS'],
      ['two', 'ARCHIVE_AMBIGUOUS'],
      ['half', 'FILE_INCOMPLETE'],
      ['empty', 'FILE_UNREADABLE'],
    ] as const) {
      const path = await landing.put(`${name}.zip`, readFileSync(join(landing.folder, `${name}.zip`)));
      await expect(landing.load({ path, format: 'ESRI Shapefile' }), name).rejects.toMatchObject({
        code,
        details: { file: path },
      });
    }
    const two = await landing.load({ path: 's3://landing-zone/two.zip', format: 'ESRI Shapefile', layer: 'b' });
    expect(two.row_count).toBe(100);
    writeFileSync(zip, readFileSync(join(landing.folder, 'two.zip')).subarray(0, 5000));
    await expect(landing.load({ path: await landing.upload(zip), format: 'ESRI Shapefile' })).rejects.toMatchObject({
      code: 'ARCHIVE_UNREADABLE',
    });
  });
});
