import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { UNCONFINED } from '#shared/gdal/sandbox/wrappers.ts';
import { createGdal } from '#shared/gdal/runner.ts';
import { type ConnectionCounter, startConnectionCounter } from '../../tests/fixtures/connection-counter.ts';
import { testEnv } from '../../tests/servers.ts';
import { WRITE_ARCHIVES } from '../../tests/fixtures/hostile-files.ts';
import { dataFile, type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';

/** Rejects files that refer to other files, servers and databases. A listener checks that nothing connects to it. */

let server: ConnectionCounter;
let url: string;
beforeAll(async () => {
  server = await startConnectionCounter();
  url = server.url;
});
afterAll(() => server[Symbol.asyncDispose]());

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
    expect(server.count()).toBe(0);
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
    expect(server.count()).toBe(0);
  });

  test.each(['prj', 'cpg'])('rejects a .%s file that is too long, even in an archive', async (extension) => {
    const parts = ['shp', 'shx', 'dbf', 'prj'].map((part) => dataFile(`nc.${part}`));
    for (const part of parts) await landing.put(`long/nc.${part.slice(-3)}`, readFileSync(part));
    await landing.put(`long/nc.${extension}`, ' '.repeat(70_000));
    const path = 's3://landing-zone/long/nc.shp';
    const rejected = {
      code: 'FILE_TOO_LARGE',
      message: expect.stringContaining(`The .${extension} file of `) as string,
      details: { part: `.${extension}`, limit: 65_536 },
    };
    await expect(landing.load({ path, format: 'ESRI Shapefile' })).rejects.toMatchObject(rejected);
    const long = join(landing.folder, `nc.${extension}`);
    writeFileSync(long, ' '.repeat(70_000));
    const others = parts.filter((part) => !part.endsWith(`.${extension}`));
    const zip = await landing.upload(await landing.zip(`long-${extension}.zip`, ...others, long));
    await expect(landing.load({ path: zip, format: 'ESRI Shapefile' })).rejects.toMatchObject(rejected);
    await landing.objects.delete('landing-zone', `long/nc.${extension}`);
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
