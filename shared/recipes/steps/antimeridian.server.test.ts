import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type RecipeDatabase, recipeDatabase, runRecipeOf } from '../../../tests/recipe-session.ts';
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

/** A geometry (EWKT) in degrees, which is transformed to the source CRS; `native` is in that CRS. */
type Input = { degrees: string } | { native: string };

interface Row {
  wkt: string;
  /** Area on the globe in km², with edges that are straight in degrees. */
  km2: number;
  west: number;
  east: number;
  south: number;
  north: number;
  valid: boolean;
}

/** Runs the default recipe without simplification. */
async function transform(srid: number, inputs: Input[], parameters: Record<string, unknown> = {}) {
  await session.query('create unlogged table raw_data (sluice_fid bigint, name text, geom geometry)');
  for (const [index, input] of inputs.entries()) {
    const [text, from] = 'degrees' in input ? [input.degrees, 4326] : [input.native, srid];
    await session.query(
      `insert into raw_data values ($1, 'x', case when $3::int = $4::int then ST_GeomFromText($2, $3)
         else ST_Transform(ST_GeomFromText($2, $3), $4::int) end)`,
      [index + 1, text, from, srid],
    );
  }
  const result = await runRecipeOf(session, { srid, parameters: { simplify_tolerance: 0, ...parameters } });
  const rows = await session.query<Row & Record<string, unknown>>(
    `select ST_AsText(ST_Normalize(geom), 4) as wkt, ST_XMin(geom) as west, ST_XMax(geom) as east, ST_YMin(geom) as south,
       ST_YMax(geom) as north, ST_IsValid(geom) as valid,
       case when ST_SRID(geom) = 4326 then ST_Area(ST_Transform(ST_Segmentize(geom, 0.5),
         '+proj=longlat +datum=WGS84 +over', '+proj=cea +datum=WGS84 +over')) / 1e6 end as km2
     from processed order by sluice_fid`,
  );
  return { ...result, rows, wkt: rows.map(({ wkt }) => wkt) };
}

/** No vertex is outside of the world, and no edge runs round it. */
async function expectOnGlobe(): Promise<void> {
  const wrong = await session.query(
    `select sluice_fid, ST_AsText(geom) from processed
     where not (geom @ ST_MakeEnvelope(-180, -90, 180, 90, 4326)) or not ST_IsValid(geom)`,
  );
  expect(wrong).toEqual([]);
}

/** A square round a point of a polar CRS. */
const square = (x: number, y: number, half: number) =>
  `(${x + half} ${y + half}, ${x - half} ${y + half}, ${x - half} ${y - half}, ${x + half} ${y - half}, ${x + half} ${y + half})`;

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
    const { rows, counts, notes } = await transform(
      srid,
      inputs.map((degrees) => ({ degrees })),
    );
    await expectOnGlobe();
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
    const { wkt, notes } = await transform(32760, [
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
    const { wkt, notes, counts } = await transform(4326, [
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
    const { rows, notes } = await transform(srid, [
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
    await expectOnGlobe();
  });

  test('unwinds web maps that continue beyond 180, and maps with another middle', async () => {
    const beyond = await transform(3857, [
      { native: 'POLYGON((19037508 -1000, 21037508 -1000, 21037508 1000, 19037508 1000, 19037508 -1000))' },
      { native: 'LINESTRING(0 0, 38000000 0)' },
      { native: `POLYGON((-20037508.35 0, 20037508.35 0, 20037508.35 100, -20037508.35 100, -20037508.35 0))` },
    ]);
    await expectOnGlobe();
    expect(beyond.rows.map(({ west, east }) => [west, east])).toEqual([
      [-180, 180],
      [-180, 180],
      [-180, 180],
    ]);
    const length = await session.query('select ST_Length(geom) as degrees from processed where sluice_fid = 2');
    expect(Number(length[0]?.degrees)).toBeCloseTo(341.36, 1);
    session = await database.open();
    // The whole map of EPSG:3832, with longitude 150 in its middle.
    const { rows } = await transform(3832, [
      { native: 'POLYGON((-20000000 0, 20000000 0, 20000000 5000000, -20000000 5000000, -20000000 0))' },
    ]);
    await expectOnGlobe();
    expect(rows[0]?.km2).toBeGreaterThan(1.5e8);
  });
});

describe('poles', () => {
  test.each([
    [3031, -90],
    [3413, 90],
    [3575, 90],
    [3996, 90],
    [3035, 90],
  ])('keeps what holds or touches the pole of EPSG:%i', async (srid, pole) => {
    const [at] = await session.query<{ x: number; y: number }>(
      `select ST_X(p) as x, ST_Y(p) as y
       from (select ST_Transform(ST_SetSRID(ST_MakePoint(0, $1::int), 4326), $2::int) as p) as t`,
      [pole, srid],
    );
    const { x, y } = at ?? { x: 0, y: 0 };
    const shapes = [
      `POLYGON(${square(x, y, 500_000)})`,
      `POLYGON(${square(x, y, 500_000)}, ${square(x, y, 100_000)})`,
      `POLYGON(${square(x, y, 500_000)}, ${square(x + 200_000, y, 100_000)}, ${square(x - 200_000, y - 200_000, 50_000)})`,
      `POLYGON(${square(x + 1000, y + 300, 2000)})`,
      // A corner and a border at the pole.
      `POLYGON((${x} ${y}, ${x + 100_000} ${y}, ${x + 100_000} ${y + 100_000}, ${x} ${y + 100_000}, ${x} ${y}))`,
      `POLYGON(${square(x + 100_000, y, 100_000)})`,
      `MULTIPOLYGON((${square(x, y, 1000)}), (${square(x + 10_000, y, 1000)}))`,
      `LINESTRING(${x - 100_000} ${y}, ${x + 100_000} ${y})`,
    ];
    const { rows, notes, counts } = await transform(
      srid,
      shapes.map((native) => ({ native })),
    );
    await expectOnGlobe();
    const expected = [1e6, 0.96e6, 0.95e6, 16, 1e4, 4e4, 8];
    for (const [index, km2] of expected.entries()) {
      // The projections are equal-area, or true to scale near the pole, within 7 %.
      expect(Math.abs((rows[index]?.km2 ?? 0) / km2 - 1)).toBeLessThan(0.08);
    }
    // The pole is in the hole of the second shape.
    const withPole = [0, 2, 3, 4, 5, 6].map((index) => rows[index]);
    expect(withPole.map((row) => (pole > 0 ? row?.north : row?.south))).toEqual(Array(6).fill(pole));
    expect(rows[7]?.wkt).toMatch(/LINESTRING/);
    expect(counts.split_geometries).toBeGreaterThan(5);
    // The fifth shape can remain whole. Its edges, of 100 km at the pole, are then other lines in degrees.
    const changed = notes.filter(({ code }) => code === 'AREA_CHANGED').map(({ message }) => message);
    expect(changed.filter((message) => !/of 1 of 8 features .* that of feature 5 by/.test(message))).toEqual([]);
  });

  test('names the features round a pole in the note', async () => {
    const { notes, rows } = await transform(3031, [
      { native: `POLYGON(${square(0, 0, 1000)})` },
      { native: `POLYGON(${square(5000, 5000, 1000)})` },
    ]);
    expect(notes.map(({ code }) => code)).toEqual(['GEOMETRIES_SPLIT', 'SHAPE_CHANGED']);
    expect(notes.map(({ message }) => message).slice(0, 1)).toEqual([
      'Divided 1 of 2 features at longitude 180, because they cross it or reach a pole. ' +
        'One of them reaches a pole; its border follows longitudes -180 and 180 to latitude 90 or -90.',
    ]);
    expect(rows[0]).toMatchObject({ west: -180, east: 180, south: -90, valid: true });
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
    const { rows, notes } = await transform(srid, [
      { degrees: 'POLYGON((170 0, 190 0, 190 10, 170 10, 170 0))' },
      { degrees: 'POLYGON((175 60, 185 60, 185 70, 175 70, 175 60))' },
      { degrees: 'LINESTRING(170 0, 190 0)' },
      { degrees: 'POLYGON((100 0, 110 0, 110 10, 100 10, 100 0))' },
    ]);
    await expectOnGlobe();
    expect(rows.map(({ wkt }) => wkt.slice(0, 7))).toEqual(['MULTIPO', 'MULTIPO', 'MULTILI', 'POLYGON']);
    expect(Math.abs((rows[0]?.km2 ?? 0) / (2 * (rows[3]?.km2 ?? 1)) - 1)).toBeLessThan(0.02);
    expect(notes.map(({ code }) => code).filter((code) => code !== 'SHAPE_CHANGED')).toEqual(['GEOMETRIES_SPLIT']);
  });
});

describe('invalid geometries and projected targets', () => {
  test('repairs an invalid polygon that crosses longitude 180, and counts it', async () => {
    const { rows, counts } = await transform(32760, [
      { degrees: 'POLYGON((179.9 -40, 180.1 -40.2, 180.1 -40, 179.9 -40.2, 179.9 -40))' },
    ]);
    await expectOnGlobe();
    expect(counts).toMatchObject({ repaired_geometries: 1, split_geometries: 1 });
    expect(rows[0]?.km2).toBeGreaterThan(180);
    expect(rows[0]?.km2).toBeLessThan(195);
  });

  test('rejects a shape that a projected CRS tears', async () => {
    await expect(
      transform(32760, [{ degrees: 'POLYGON((179.9 -40, 180.1 -40, 180.1 -40.2, 179.9 -40))' }], {
        target_crs: 'EPSG:3857',
      }),
    ).rejects.toMatchObject({ code: 'CRS_TRANSFORM_FAILED', details: { features: [{ feature: 1 }] } });
    session = await database.open();
    await expect(
      transform(3031, [{ native: `POLYGON(${square(0, 0, 500_000)})` }], { target_crs: 'EPSG:3857' }),
    ).rejects.toMatchObject({ code: 'CRS_TRANSFORM_FAILED' });
    session = await database.open();
    const { notes } = await transform(
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

describe('the area before and after', () => {
  /** Areas on the globe in km², with edges that are straight in the source and in the target. */
  const areaOf = async (srid: number, wkt: string, target: number) => {
    const equalArea = '+proj=laea +lat_0=50 +lon_0=10 +datum=WGS84';
    const [row] = await session.query<{ before: number; after: number }>(
      `select ST_Area(ST_Transform(ST_Segmentize(ST_GeomFromText($1, $2), $5::float8), $4)) / 1e6 as before,
         ST_Area(ST_Transform(ST_Segmentize(ST_Transform(ST_GeomFromText($1, $2), $3::int), $6::float8), $4)) / 1e6 as after`,
      [wkt, srid, target, equalArea, srid === 4326 ? 0.1 : 10_000, target === 4326 ? 0.1 : 10_000],
    );
    return (row?.after ?? 0) / (row?.before ?? 1) - 1;
  };
  const small = 'POLYGON((0 0, 1 0, 1 1, 0 0))';

  test.each([
    [3035, 4326, 'POLYGON((2600000 4400000, 6100000 4400000, 4300000 4800000, 2600000 4400000))'],
    [4326, 3035, 'POLYGON((-10 55, 40 55, 40 70, -10 70, -10 55))'],
    [3857, 3035, 'POLYGON((-1000000 7500000, 4500000 7500000, 4500000 8000000, -1000000 7500000))'],
  ])('from EPSG:%i to EPSG:%i is noted for a large feature', async (srid, target, native) => {
    const change = await areaOf(srid, native, target);
    expect(Math.abs(change)).toBeGreaterThan(0.011);
    const { notes } = await transform(srid, [{ native: small }, { native }], { target_crs: `EPSG:${target}` });
    const percent = (change * 100).toFixed(1);
    expect(notes.filter(({ code }) => code === 'AREA_CHANGED')).toEqual([
      {
        code: 'AREA_CHANGED',
        message: `The transformation changed the area of 1 of 2 features by more than 1 %; that of feature 2 by ${percent} %.`,
      },
    ]);
  });

  test('is equal for edges that are straight in both, and for lines', async () => {
    const inputs = ['POLYGON((-10 0, 60 0, 60 60, -10 60, -10 0))', 'LINESTRING(0 0, 60 60)', small];
    const { notes } = await transform(
      4326,
      inputs.map((native) => ({ native })),
      { target_crs: 'EPSG:3857' },
    );
    expect(notes.filter(({ code }) => code === 'AREA_CHANGED')).toEqual([]);
  });
});
