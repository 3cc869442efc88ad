import { DatabaseSync } from 'node:sqlite';
import { execa } from 'execa';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createGdal } from '#shared/gdal/runner.ts';
import { UNCONFINED } from '#shared/gdal/sandbox/wrappers.ts';
import { WRITE_VIEW, WRITE_VIRTUAL_TABLE } from '../../tests/fixtures/hostile-files.ts';
import { dataFile, type LandingFixture, openLandingFixture } from '../../tests/fixtures/landing.ts';
import { testEnv } from '../../tests/servers.ts';

/** GeoPackages and SQLite databases whose schema reads other files, or computes or grows without a limit. */

describe.each([
  ['in a sandbox', undefined],
  ['without a sandbox', UNCONFINED],
])('%s', (_name, confinement) => {
  let landing: LandingFixture;
  beforeAll(async () => {
    landing = await openLandingFixture(confinement ? { gdal: createGdal(testEnv(), { confinement }) } : {});
  });
  afterAll(() => landing[Symbol.asyncDispose]());

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
});

describe('limits, which do not depend on the sandbox', () => {
  let landing: LandingFixture;
  beforeAll(async () => {
    landing = await openLandingFixture();
  });
  afterAll(() => landing[Symbol.asyncDispose]());

  // With one DROP VIEW for each view, this takes more than a minute.
  test('skips as many views as the schema may have, with the triggers on them', async () => {
    const made = await landing.make('views.gpkg', '-f', 'GPKG', dataFile('nc.shp'), '-nlt', 'MULTIPOLYGON');
    const database = new DatabaseSync(made, { defensive: false });
    database.exec(`
      create view v0 as select * from nc;
      create trigger t instead of delete on V0 begin delete from nc; end;
      pragma writable_schema = on;
      with recursive numbers (n) as (select 1 union all select n + 1 from numbers where n < 40000)
      insert into sqlite_master
        select 'view', 'v' || n, 'v' || n, 0, printf('create view v%d as select * from nc', n) from numbers;`);
    database.close();
    const loaded = await landing.load({ path: await landing.upload(made), format: 'GPKG' });
    expect(loaded.row_count).toBe(100);
    expect(loaded.notes).toMatchObject([
      { code: 'VIEWS_SKIPPED', message: expect.stringContaining('"v0", "v1"') as string },
    ]);
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
      details: { file: path },
    });
  });
});
