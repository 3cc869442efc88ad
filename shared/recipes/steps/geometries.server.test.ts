import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { type RecipeDatabase, recipeDatabase, runRecipeOf, runSteps } from '../../../tests/recipe-session.ts';
import type { PostgisSession } from '#shared/postgis/postgis.ts';

/** A U, whose centroid is outside of it. */
const U = 'POLYGON((0 0, 6 0, 6 6, 4 6, 4 2, 2 2, 2 6, 0 6, 0 0))';

let database: RecipeDatabase;
let session: PostgisSession;
beforeAll(async () => {
  database = await recipeDatabase();
});
afterAll(() => database.stop());
beforeEach(async () => {
  session = await database.open();
  await session.query(`create unlogged table raw_data as select n::bigint as sluice_fid, ST_SetSRID(ST_GeomFromText(wkt), 4326) as geom
    from (values (1, '${U}'), (2, 'LINESTRING(0 0, 2 0)'), (3, 'POINT Z(1 1 5)'), (4, null), (5, 'POLYGON EMPTY'), (6, 'MULTIPOINT((1 1), (3 1))')) as v(n, wkt)`);
});

test('centroid replaces geometries by their centroid, even outside of them', async () => {
  const { rows, notes } = await runSteps(session, [{ step: 'centroid' }]);
  expect(rows.map(({ geom }) => geom)).toEqual([
    'POINT(3 2.714286)',
    'POINT(1 0)',
    'POINT Z (1 1 5)',
    null,
    'POLYGON EMPTY',
    'POINT(2 1)',
  ]);
  expect(notes).toEqual([
    { code: 'GEOMETRIES_REPLACED', message: 'Replaced the geometries of 3 of 6 features by their centroid.' },
  ]);
});

test('point_on_surface replaces geometries by a point on them', async () => {
  const { rows } = await runSteps(session, [{ step: 'point_on_surface' }]);
  expect(rows.map(({ geom }) => geom)).toEqual([
    'POINT(1 4)',
    'POINT(0 0)',
    'POINT Z (1 1 5)',
    null,
    'POLYGON EMPTY',
    'POINT(1 1)',
  ]);
});

test('ingest_points_of_interest replaces lines and polygons by points, with a note', async () => {
  const { steps, notes } = await runRecipeOf(session, { intent: 'ingest_points_of_interest' });
  expect(steps.map(({ step }) => step)).toContain('RepresentByPoint');
  expect(notes).toEqual([
    { code: 'GEOMETRIES_REPLACED', message: 'Replaced the geometries of 3 of 6 features by a point on them.' },
  ]);
});

test('ingest_parcels keeps polygons and all their vertices', async () => {
  const { context, notes } = await runRecipeOf(session, { intent: 'ingest_parcels' });
  expect(context.parameters).toEqual({ target_crs: 'EPSG:4326', simplify_tolerance: 0 });
  expect(notes).toEqual([
    { code: 'FEATURES_DROPPED', message: 'Removed 3 of 6 features, because they have no polygons.' },
  ]);
});
