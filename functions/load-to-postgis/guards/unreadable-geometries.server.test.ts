import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { dataFile, type LandingFixture, openLandingFixture } from '../../../tests/fixtures/landing.ts';
import { pointShapefile } from '../../../tests/fixtures/shapefile.ts';
import { geometryTexts } from './geojson-geometries.ts';

let landing: LandingFixture;
beforeAll(async () => {
  landing = await openLandingFixture();
});
afterAll(() => landing[Symbol.asyncDispose]());

const ROWS = 400;
const good = (row: number) => [row / 10, 1] as const;
/** Uploads a shapefile of points, in which `shapes` replace the shapes with these numbers, counted from 1. */
async function upload(name: string, changes: Parameters<typeof pointShapefile>[1]) {
  const parts = pointShapefile(
    Array.from({ length: ROWS }, (_, index) => good(index)),
    changes,
  );
  for (const [extension, content] of Object.entries(parts)) await landing.put(`${name}.${extension}`, content);
  return { path: `s3://landing-zone/${name}.shp`, format: 'ESRI Shapefile', crs: 'EPSG:4326' };
}
const missing = 'select array_agg(sluice_fid::int order by sluice_fid) as rows from raw_data where geom is null';

describe('a shapefile', () => {
  test('with null shapes only has no note', async () => {
    const loaded = await landing.load(await upload('null é', { nulls: [3, 7] }));
    expect(loaded.notes).toEqual([]);
    expect(await loaded.query(missing)).toEqual([{ rows: [3, 7] }]);
  });

  test('with shapes of an unknown type and with coordinates that are not finite has a note with their rows', async () => {
    const file = await upload('damaged é', {
      nulls: [2],
      types: [[5, 0x7fc0ffee]],
      points: [
        [9, [NaN, NaN]],
        [12, [Infinity, 1]],
        [13, [1, NaN]],
      ],
    });
    const loaded = await landing.load(file);
    expect(loaded.notes).toEqual([
      {
        code: 'GEOMETRY_UNREADABLE',
        file: file.path,
        message: `4 of ${ROWS} geometries cannot be read and are missing in the asset: rows 5, 9, 12, 13.`,
      },
    ]);
    expect(await loaded.query(missing)).toEqual([{ rows: [2, 5, 9, 12, 13] }]);
    expect(loaded.row_count).toBe(ROWS);
  });

  test('counts rows without the records that are marked as deleted', async () => {
    const loaded = await landing.load(await upload('deleted', { deleted: [1, 4, 9], types: [[5, 77]], nulls: [6] }));
    expect(loaded.notes).toMatchObject([{ message: expect.stringMatching(/^1 of 397 .*: row 3\.$/) as string }]);
    expect(await loaded.query(missing)).toEqual([{ rows: [3, 4] }]);
  });

  test('is rejected when more than 1 % of its geometries are unreadable', async () => {
    const mixed = await upload('mixed', { types: [[4, 99]], points: [2, 7, 8, 9].map((row) => [row, [Infinity, 1]]) });
    await expect(landing.load(mixed)).rejects.toMatchObject({
      message: expect.stringContaining(': rows 2, 4, 7, 8, 9. At most 4 of 400') as string,
    });
    const file = await upload('random', { types: Array.from({ length: 200 }, (_, index) => [index * 2 + 1, 99]) });
    await expect(landing.load(file)).rejects.toMatchObject({
      code: 'GEOMETRY_INVALID',
      message:
        `Geometries of ${file.path} cannot be read: rows 1, 3, 5, 7, 9, 11, 13, 15, 17, 19. ` +
        `At most 4 of 400 may be unreadable (1 %). Export the file again.`,
      details: { file: file.path, limit: 4, row_count: ROWS },
    });
  });
});

describe('GeoJSON', () => {
  const feature = (geometry: string | undefined) =>
    `{"type":"Feature","properties":{"geometry":{"x":[1]},"features":[1]}${geometry === undefined ? '' : `,"geometry":${geometry}`}}`;
  const point = '{"type":"Point","coordinates":[1,2]}';
  const collection = (geometries: (string | undefined)[]) =>
    `{"type":"FeatureCollection","meta":[{"geometry":1}],"features":[${geometries.map(feature).join(',')}]}`;
  const bad = [
    '{"type":"Point","coordinates":[NaN,1]}',
    '{"type":"LineString","coordinates":[[0,0],[NaN,NaN],[1,1]]}',
    '{"type":"Polygon","coordinates":[[[0,0],[1,0],[1,NaN],[0,0]]]}',
    '{"type":"MultiPoint","coordinates":[[0,0],[Infinity,1]]}',
    '{"type":"Nothing","coordinates":[1,2]}',
    '{"type":"Point","coordinates":"x"}',
    '"a } string"',
    `{"type":"Nothing","coordinates":[${'[1,2],'.repeat(5000)}[1,2]]}`,
  ];
  const valid = [undefined, 'null', '{"type":"Point","coordinates":[]}', '{"coordinates":[[[]]],"type":"Polygon"}'];

  test.each([
    ['a collection', 'geojson', collection],
    [
      'a sequence',
      'geojsonl',
      (geometries: (string | undefined)[]) => geometries.map(feature).join('\n').replaceAll('"features":', '"f":'),
    ],
  ])('as %s has a note with the rows of unreadable geometries only', async (name, extension, text) => {
    const geometries = [...valid, ...bad, ...Array.from({ length: 1000 }, () => point)];
    const path = await landing.put(`${name}.${extension}`, text(geometries));
    const loaded = await landing.load({ path, format: 'GeoJSON' });
    const message = '8 of 1012 geometries cannot be read and are missing in the asset: rows 5, 6, 7, 8, 9, 10, 11, 12.';
    expect(loaded.notes).toEqual([{ code: 'GEOMETRY_UNREADABLE', file: path, message }]);
    expect(await loaded.query(missing)).toEqual([{ rows: expect.arrayContaining([5, 6, 7, 8, 9, 10, 11, 12]) as [] }]);
  });

  test('is read in chunks of any size', async () => {
    const text = collection([...valid, bad[6], point]);
    for (const size of [1, 2, 3, 7, 1000]) {
      const found: string[] = [];
      async function* chunks() {
        for (let at = 0; at < text.length; at += size) yield Promise.resolve(Buffer.from(text.slice(at, at + size)));
      }
      for await (const geometry of geometryTexts(chunks())) found.push(geometry);
      expect(found, String(size)).toEqual(['null', 'null', ...valid.slice(2), bad[6], point]);
    }
  });
});

describe.each([
  ['GPKG', 'gpkg', 'geom', []],
  ['SQLite', 'sqlite', 'GEOMETRY', []],
  ['SQLite', 'spatialite', 'GEOMETRY', ['-dsco', 'SPATIALITE=YES']],
])('%s as .%s', (driver, extension, column, options) => {
  /** 100 polygons. Row 3 has no geometry, and the rows in `damaged` have a blob that is not a geometry. */
  async function upload(name: string, damaged: readonly number[]): Promise<string> {
    const layer = ['-nln', 'Läyer 1', '-nlt', 'MULTIPOLYGON'];
    const path = await landing.make(`${name}.${extension}`, '-f', driver, ...options, dataFile('nc.shp'), ...layer);
    using database = new DatabaseSync(path);
    for (const { name } of database.prepare(`select name from sqlite_master where type = 'trigger'`).all())
      database.exec(`drop trigger "${String(name).replaceAll('"', '""')}"`);
    const set = (value: string, rows: readonly number[]) =>
      database.exec(`update "Läyer 1" set ${column} = ${value} where rowid in (${rows.join()})`);
    set('null', [3]);
    set(`x'deadbeef'`, damaged);
    return landing.upload(path);
  }

  test('has a note with the row of a blob that is not a geometry', async () => {
    const path = await upload('one', [7]);
    const loaded = await landing.load({ path, format: driver });
    const message = '1 of 100 geometries cannot be read and are missing in the asset: row 7.';
    expect(loaded.notes).toContainEqual({ code: 'GEOMETRY_UNREADABLE', file: path, message });
    expect(await loaded.query(missing)).toEqual([{ rows: [3, 7] }]);
  });

  test('is rejected when more than 1 % of its blobs are not geometries', async () => {
    const path = await upload('two', [7, 90]);
    await expect(landing.load({ path, format: driver })).rejects.toMatchObject({
      code: 'GEOMETRY_INVALID',
      message: expect.stringContaining(': rows 7, 90. At most 1 of 100') as string,
    });
  });
});
