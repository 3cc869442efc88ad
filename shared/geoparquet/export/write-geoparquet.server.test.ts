import { readFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type ExportFixture, GEOM, openExportFixture, point } from '../../../tests/fixtures/exported-table.ts';
import { readGeoParquet } from '../../../tests/geoparquet.ts';

let fixture: ExportFixture;
let exported: ExportFixture['exported'];
beforeAll(async () => {
  fixture = await openExportFixture();
  ({ exported } = fixture);
});
afterAll(() => fixture[Symbol.asyncDispose]());

describe('geometries', () => {
  test('have exact metadata: types, Z, bounds, CRS', async () => {
    const { geo, rows } = await exported(`n integer, ${GEOM}`, [
      `1, 'SRID=4326;POINT Z(10.123456789 20 5)'`,
      `2, 'SRID=4326;MULTIPOLYGON(((0 0,1 0,1 1,0 0)))'`,
      `3, 'SRID=4326;LINESTRING Z(-1 -1 -7,30 40 9)'`,
    ]);
    expect(geo.primary_column).toBe('geom');
    expect(geo.columns.geom).toMatchObject({
      encoding: 'WKB',
      geometry_types: ['LineString Z', 'MultiPolygon', 'Point Z'],
      bbox: [-1, -1, -7, 30, 40, 9],
      crs: { id: { authority: 'EPSG', code: 4326 } },
    });
    const ofPoint = rows.find(({ n }) => n === 1);
    expect(ofPoint?.bbox).toEqual({ xmin: 10.123456789, ymin: 20, xmax: 10.123456789, ymax: 20 });
    const wkb = Buffer.from(ofPoint?.geom as Uint8Array);
    expect([wkb[0], wkb.readUInt32LE(1), wkb.readDoubleLE(5), wkb.readDoubleLE(21)]).toEqual([
      1, 1001, 10.123456789, 5,
    ]); // ISO WKB.
  });

  test('are kept when null or empty, without bounds, at the end', async () => {
    const { geo, rows, file } = await exported(`n integer, ${GEOM}`, [
      '1, null',
      `2, 'SRID=4326;POLYGON EMPTY'`,
      `3, ${point(7, 8)}`,
      '4, null',
    ]);
    expect(rows.map(({ n }) => n).slice(-2)).toEqual([1, 4]);
    expect(rows.map(({ n, geom, bbox }) => [n, (geom ?? null) === null, (bbox ?? null) === null])).toEqual(
      expect.arrayContaining([
        [1, true, true],
        [2, false, true],
        [3, false, false],
        [4, true, true],
      ]),
    );
    expect(geo.columns.geom).toMatchObject({ geometry_types: ['Point', 'Polygon'], bbox: [7, 8, 7, 8] });
    expect(file.profile).toMatchObject({ row_count: 4, null_geometries: 2, empty_geometries: 1 });
  });

  test('can be absent: a file without rows', async () => {
    const { geo, rows, columns } = await exported(`name text, n numeric, ${GEOM}`, []);
    expect(rows).toEqual([]);
    expect(columns.map(({ name }) => name)).toEqual(['name', 'n', 'geom', 'bbox']);
    expect(geo.columns.geom).toMatchObject({ geometry_types: [] });
    expect(geo.columns.geom).not.toHaveProperty('bbox');
  });

  test('are rejected when GeoParquet does not support them', async () => {
    await expect(exported(GEOM, [`'SRID=4326;POINT M(1 2 3)'`])).rejects.toMatchObject({ code: 'GEOMETRY_CONTRACT' });
    await expect(exported(GEOM, [`'SRID=4326;CIRCULARSTRING(0 0,1 1,2 0)'`])).rejects.toMatchObject({
      code: 'GEOMETRY_CONTRACT',
    });
    await expect(exported(`${GEOM}, other geometry`, [])).rejects.toMatchObject({
      code: 'GEOMETRY_CONTRACT',
      details: { found: ['geom (geometry)', 'other (geometry)'] },
    });
  });

  test('can have 23 MB', async () => {
    await fixture.session.query(`drop table if exists processed; create unlogged table processed as
      select 1::bigint as sluice_fid, 'coast' as name, ST_SetSRID(ST_MakeLine(array(select ST_MakePoint(i * 1e-5, sin(i)) from generate_series(1, 1450000) as i)), 4326) as geom`);
    const file = await fixture.write('large.parquet');
    const { rows } = await readGeoParquet(file.path);
    expect((rows[0]?.geom as Uint8Array).length).toBe(9 + 1_450_000 * 16);
  });
});

describe('the file', () => {
  const many = (order: string) => `drop table if exists processed; create unlogged table processed as
    select row_number() over (order by ${order})::bigint as sluice_fid, i as n, 'Feature ' || i as name, ST_SetSRID(ST_MakePoint((i::bigint * 7919 % 360) - 180, (i::bigint * 104729 % 180) - 90), 4326) as geom from generate_series(1, 50000) as i`;

  test('has the same bytes each time', async () => {
    await fixture.session.query(many('i'));
    const first = await fixture.write('first.parquet');
    const second = await fixture.write('second.parquet');
    expect(second.sha256).toBe(first.sha256);
    expect(await readFile(second.path)).toEqual(await readFile(first.path));
  });

  test('is in Hilbert order, so that a reader of a small area can skip row groups', async () => {
    await fixture.session.query(many('random()'));
    const file = await fixture.write('groups.parquet');
    const { metadata, rows } = await readGeoParquet(file.path);
    expect(rows.length).toBe(50_000);
    expect(metadata.row_groups.length).toBeGreaterThan(1);
    const widths = metadata.row_groups.map(({ columns }) => {
      const side = (name: string) =>
        columns.find(({ meta_data }) => meta_data?.path_in_schema.join('.') === `bbox.${name}`)?.meta_data?.statistics;
      return (
        (Number(side('xmax')?.max_value) - Number(side('xmin')?.min_value)) *
        (Number(side('ymax')?.max_value) - Number(side('ymin')?.min_value))
      );
    });
    expect(widths.some((area) => area < (360 * 180) / 2)).toBe(true);
  });

  test('is not written when the table does not exist', async () => {
    const missing = fixture.write('x.parquet', 'no such table');
    await expect(missing).rejects.toMatchObject({
      code: 'GEOMETRY_CONTRACT',
      message: expect.stringContaining('does not exist') as string,
    });
  });
});
