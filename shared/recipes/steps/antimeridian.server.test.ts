import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { expectOnGlobe, polarSquare, transformInputs } from '../../../tests/fixtures/globe.ts';
import { type RecipeDatabase, recipeDatabase } from '../../../tests/recipe-session.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';

let database: RecipeDatabase;
let session: PostgisSession;
beforeAll(async () => {
  database = await recipeDatabase();
});
afterAll(() => database.stop());
beforeEach(async () => {
  session = await database.open();
});

describe('longitude 180', () => {
  test.each([32760, 32701, 32660, 32601, 3832, 2193])('divides shapes of EPSG:%i that cross it', async (srid) => {
    const south = [32760, 32701, 2193].includes(srid);
    const lat = (value: number) => (south ? -value : value);
    const inputs = [
      `POLYGON((179.9 ${lat(40)}, 180.1 ${lat(40)}, 180.1 ${lat(40.2)}, 179.9 ${lat(40.2)}, 179.9 ${lat(40)}))`,
      `LINESTRING Z(179.9 ${lat(40)} 0, 180.1 ${lat(40)} 10)`,
      `LINESTRING(179.9 ${lat(40)}, 180.1 ${lat(40.1)}, 179.9 ${lat(40.2)})`,
      `MULTIPOLYGON(((179 ${lat(40)}, 179.5 ${lat(40)}, 179.5 ${lat(40.2)}, 179 ${lat(40)})), ((179.9 ${lat(40)}, 180.1 ${lat(40)}, 180.1 ${lat(40.2)}, 179.9 ${lat(40)})))`,
      `POLYGON((179.8 ${lat(40)}, 180.2 ${lat(40)}, 180.2 ${lat(40.4)}, 179.8 ${lat(40.4)}, 179.8 ${lat(40)}), (179.9 ${lat(40.1)}, 180.1 ${lat(40.1)}, 180.1 ${lat(40.3)}, 179.9 ${lat(40.3)}, 179.9 ${lat(40.1)}))`,
      `POLYGON((179.8 ${lat(40)}, 179.9 ${lat(40)}, 179.9 ${lat(40.1)}, 179.8 ${lat(40)}))`,
      `GEOMETRYCOLLECTION(POINT(179.9 ${lat(40)}), LINESTRING(179.9 ${lat(40)}, 180.1 ${lat(40)}))`,
      `MULTIPOINT((179.9 ${lat(40)}), (180.1 ${lat(40)}))`,
    ];
    const { rows, counts, notes } = await transformInputs(
      session,
      srid,
      inputs.map((degrees) => ({ degrees })),
    );
    await expectOnGlobe(session);
    const types = rows.map(({ wkt }) => wkt.slice(0, wkt.indexOf('(')).trim());
    expect(types).toEqual([
      'MULTIPOLYGON',
      'MULTILINESTRING Z',
      'MULTILINESTRING',
      'MULTIPOLYGON',
      'MULTIPOLYGON',
      'POLYGON',
      'GEOMETRYCOLLECTION',
      'MULTIPOINT',
    ]);
    expect(rows.slice(0, 5).map(({ west, east }) => [west, east])).toEqual(Array(5).fill([-180, 180]));
    const parts = await session.query<{ parts: number }>(
      'select sluice_fid::int as id, ST_NumGeometries(geom) as parts from processed order by 1',
    );
    expect(parts.map((row) => row.parts)).toEqual([2, 2, 3, 3, 2, 1, 3, 2]);
    const z = /180 \S+ ([\d.]+)[,)]/.exec(rows[1]?.wkt ?? '')?.[1];
    expect(Number(z)).toBeCloseTo(5, 0);
    const [first, , , fourth, ring, plain] = rows.map(({ km2 }) => km2);
    expect(first).toBeGreaterThan(370);
    expect(first).toBeLessThan(385);
    expect((ring ?? 0) / (first ?? 1)).toBeCloseTo(3, 1);
    expect(fourth).toBeGreaterThan(600);
    expect(plain).toBeCloseTo((first ?? 0) / 8, -1);
    expect(counts).toMatchObject({ split_geometries: 6, repaired_geometries: 0 });
    expect(notes).toEqual([
      {
        code: 'GEOMETRIES_SPLIT',
        message: 'Divided 6 of 8 features at longitude 180, because they cross it or reach a pole.',
      },
    ]);
  });

  test('does not divide what touches it', async () => {
    const { wkt, notes } = await transformInputs(session, 32760, [
      { degrees: 'LINESTRING(179.9 -40, 180 -40)' },
      { degrees: 'LINESTRING(180 -40, 180 -41, 180 -42)' },
      { degrees: 'LINESTRING(-180 -40, -179.9 -40)' },
      { degrees: 'POLYGON((179.9 -40, 180 -40, 180 -41, 179.9 -41, 179.9 -40))' },
      { degrees: 'POINT(180 -40)' },
    ]);
    expect(wkt.map((text) => text.startsWith('MULTI'))).toEqual([false, false, false, false, false]);
    expect(wkt[3]).toBe('POLYGON((179.9 -41,179.9 -40,180 -40,180 -41,179.9 -41))');
    expect(wkt[2]).toMatch(/^LINESTRING\((-180 -40,-179.9 -40|-179.9 -40,-180 -40)\)$/);
    expect(wkt[1]).toMatch(/^LINESTRING\(-?180 -4\d,-?180 -41,-?180 -4\d\)$/);
    expect(notes.map(({ code }) => code).filter((code) => code === 'GEOMETRIES_SPLIT')).toEqual([]);
  });

  test('moves longitudes beyond 180 of EPSG:4326, and divides what crosses', async () => {
    const { wkt, notes, counts } = await transformInputs(session, 4326, [
      { native: 'POLYGON((170 0, 190 0, 190 10, 170 10, 170 0))' },
      { native: 'LINESTRING Z(-190 0 0, -170 10 10)' },
      { native: 'LINESTRING(-190 0, 190 10)' },
      { native: 'POINT(190.1234567 5)' },
      { native: 'POLYGON((190 0, 200 0, 200 10, 190 0))' },
      { native: 'POLYGON((0 0, 360 0, 360 10, 0 10, 0 0))' },
      { native: 'POINT(180 1)' },
      { native: 'POINT(-180 1)' },
      { native: 'POLYGON((-180 -90, 180 -90, 180 90, -180 90, -180 -90))' },
      { native: 'POLYGON((-180 -90, 180 -90, 180 -65, 0 -70, -180 -65, -180 -90))' },
    ]);
    expect(wkt).toEqual([
      'MULTIPOLYGON(((170 0,170 10,180 10,180 0,170 0)),((-180 0,-180 10,-170 10,-170 0,-180 0)))',
      'MULTILINESTRING Z ((170 0 0,180 5 5),(-180 5 5,-170 10 10))',
      'MULTILINESTRING((170 0,180 0.2632),(-180 9.7368,-170 10),(-180 0.2632,180 9.7368))',
      'POINT(-169.8765 5)',
      'POLYGON((-170 0,-160 10,-160 0,-170 0))',
      'POLYGON((-180 0,-180 10,0 10,180 10,180 0,0 0,-180 0))',
      'POINT(180 1)',
      'POINT(-180 1)',
      'POLYGON((-180 -90,-180 90,180 90,180 -90,-180 -90))',
      'POLYGON((-180 -90,-180 -65,0 -70,180 -65,180 -90,-180 -90))',
    ]);
    expect(counts.split_geometries).toBe(4);
    expect(notes.map(({ message }) => message)).toEqual([
      'Divided 4 of 10 features at longitude 180, because they cross it or reach a pole.',
      'Shifted the longitudes of 2 of 10 features by 360 degrees, to the range -180 to 180.',
    ]);
  });

  test.each([
    ['EPSG:3857', 3857],
    ['EPSG:4269', 4269],
    ['EPSG:4283', 4283],
  ])('does not divide shapes of the world in %s', async (_, srid) => {
    const { rows, notes } = await transformInputs(session, srid, [
      { degrees: 'POLYGON((-180 -60, 180 -60, 180 60, -180 60, -180 -60))' },
      { degrees: 'LINESTRING(-180 10, 180 10)' },
      { degrees: 'POLYGON((-170 -60, 170 -60, 170 60, -170 60, -170 -60))' },
    ]);
    expect(rows.map(({ west, east }) => [Math.round(west), Math.round(east)])).toEqual([
      [-180, 180],
      [-180, 180],
      [-170, 170],
    ]);
    expect(notes).toEqual([]);
    await expectOnGlobe(session);
  });

  test('unwinds web maps that continue beyond 180, and maps with another middle', async () => {
    const beyond = await transformInputs(session, 3857, [
      { native: 'POLYGON((19037508 -1000, 21037508 -1000, 21037508 1000, 19037508 1000, 19037508 -1000))' },
      { native: 'LINESTRING(0 0, 38000000 0)' },
      { native: `POLYGON((-20037508.35 0, 20037508.35 0, 20037508.35 100, -20037508.35 100, -20037508.35 0))` },
    ]);
    await expectOnGlobe(session);
    expect(beyond.rows.map(({ west, east }) => [west, east])).toEqual([
      [-180, 180],
      [-180, 180],
      [-180, 180],
    ]);
    const length = await session.query('select ST_Length(geom) as degrees from processed where sluice_fid = 2');
    expect(Number(length[0]?.degrees)).toBeCloseTo(341.36, 1);
    session = await database.open();
    // The whole map of EPSG:3832, with longitude 150 in its middle.
    const { rows } = await transformInputs(session, 3832, [
      { native: 'POLYGON((-20000000 0, 20000000 0, 20000000 5000000, -20000000 5000000, -20000000 0))' },
    ]);
    await expectOnGlobe(session);
    expect(rows[0]?.km2).toBeGreaterThan(1.5e8);
  });
});

describe('maps of the world', () => {
  test.each([
    [990150, '+proj=robin +lon_0=150 +datum=WGS84 +units=m +no_defs'],
    [990151, '+proj=moll +lon_0=150 +datum=WGS84 +units=m +no_defs'],
    [990152, '+proj=sinu +lon_0=-160 +datum=WGS84 +units=m +no_defs'],
  ])('divides shapes of map %i with another middle', async (srid, proj4) => {
    await session.query(
      `insert into spatial_ref_sys (srid, auth_name, auth_srid, srtext, proj4text) values ($2, 'test', $2, '', $1)
       on conflict (srid) do update set proj4text = excluded.proj4text`,
      [proj4, srid],
    );
    const { rows, notes } = await transformInputs(session, srid, [
      { degrees: 'POLYGON((170 0, 190 0, 190 10, 170 10, 170 0))' },
      { degrees: 'POLYGON((175 60, 185 60, 185 70, 175 70, 175 60))' },
      { degrees: 'LINESTRING(170 0, 190 0)' },
      { degrees: 'POLYGON((100 0, 110 0, 110 10, 100 10, 100 0))' },
    ]);
    await expectOnGlobe(session);
    expect(rows.map(({ wkt }) => wkt.slice(0, 7))).toEqual(['MULTIPO', 'MULTIPO', 'MULTILI', 'POLYGON']);
    expect(Math.abs((rows[0]?.km2 ?? 0) / (2 * (rows[3]?.km2 ?? 1)) - 1)).toBeLessThan(0.02);
    expect(notes.map(({ code }) => code).filter((code) => code !== 'SHAPE_CHANGED')).toEqual(['GEOMETRIES_SPLIT']);
  });
});

describe('invalid geometries and projected targets', () => {
  test('repairs an invalid polygon that crosses longitude 180, and counts it', async () => {
    const { rows, counts } = await transformInputs(session, 32760, [
      { degrees: 'POLYGON((179.9 -40, 180.1 -40.2, 180.1 -40, 179.9 -40.2, 179.9 -40))' },
    ]);
    await expectOnGlobe(session);
    expect(counts).toMatchObject({ repaired_geometries: 1, split_geometries: 1 });
    expect(rows[0]?.km2).toBeGreaterThan(180);
    expect(rows[0]?.km2).toBeLessThan(195);
  });

  test('rejects a shape that a projected CRS tears', async () => {
    await expect(
      transformInputs(session, 32760, [{ degrees: 'POLYGON((179.9 -40, 180.1 -40, 180.1 -40.2, 179.9 -40))' }], {
        target_crs: 'EPSG:3857',
      }),
    ).rejects.toMatchObject({ code: 'CRS_TRANSFORM_FAILED', details: { features: [{ feature: 1 }] } });
    session = await database.open();
    await expect(
      transformInputs(session, 3031, [{ native: `POLYGON(${polarSquare(0, 0, 500_000)})` }], {
        target_crs: 'EPSG:3857',
      }),
    ).rejects.toMatchObject({ code: 'CRS_TRANSFORM_FAILED' });
    session = await database.open();
    const { notes } = await transformInputs(
      session,
      4326,
      [
        { native: 'POLYGON((-180 -60, 180 -60, 180 60, -180 60, -180 -60))' },
        { native: 'POLYGON((-10 0, 60 0, 60 60, -10 60, -10 0))' },
      ],
      { target_crs: 'EPSG:3857' },
    );
    expect(notes).toEqual([]);
  });
});
