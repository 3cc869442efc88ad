import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { AssetDetailView, RunView } from '#shared/api/views.ts';
import { readGeoParquet } from '../geoparquet.ts';
import { runSluice } from '../fixtures/command-line.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';

let sluice: TestSluice;
let folder: string;
beforeAll(async () => {
  sluice = await startTestSluice();
  folder = await mkdtemp(join(tmpdir(), 'sluice recipe é #'));
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

/** A square with a side of 0.001 degrees. */
const square = (x: number, y: number) => [
  [
    [x, y],
    [x + 0.001, y],
    [x + 0.001, y + 0.001],
    [x, y + 0.001],
    [x, y],
  ],
];
const BUILDINGS = [
  {
    properties: { 'Größe %': '12,5', Höhe: '12.5', Viertel: 'Nord', OBJECTID: 1 },
    geometry: { type: 'Polygon', coordinates: square(7, 50.7) },
  },
  {
    properties: { 'Größe %': null, Höhe: 'n/a', Viertel: 'Nord', OBJECTID: 2 },
    geometry: { type: 'Polygon', coordinates: square(7.001, 50.7) },
  },
  {
    properties: { 'Größe %': 'x', Höhe: '7', Viertel: 'Süd', OBJECTID: 3 },
    geometry: { type: 'MultiPolygon', coordinates: [square(7.01, 50.7), square(7.5, 50.7)] },
  },
  {
    properties: { 'Größe %': 'x', Höhe: '3', Viertel: 'geplant', OBJECTID: 4 },
    geometry: { type: 'Polygon', coordinates: square(7.02, 50.7) },
  },
  {
    properties: { 'Größe %': 'x', Höhe: '3', Viertel: 'Ost', OBJECTID: 5 },
    geometry: { type: 'Point', coordinates: [7.03, 50.7] },
  },
];
const RECIPE = {
  target_crs: 'EPSG:25832',
  steps: [
    { step: 'filter', all: [{ column: 'Viertel', op: '!=', value: 'geplant' }] },
    { step: 'clip', bounds: [6.9, 50.6, 7.1, 50.8] },
    { step: 'cast_columns', columns: { Höhe: 'double' }, null_values: ['n/a'] },
    { step: 'rename_columns', columns: { Höhe: 'height' } },
    { step: 'drop_columns', columns: ['Größe %', 'OBJECTID'] },
    { step: 'add_area' },
    {
      step: 'dissolve',
      by: ['Viertel'],
      aggregates: [
        { function: 'count', as: 'houses' },
        { column: 'height', function: 'max', as: 'highest' },
        { column: 'area_m2', function: 'sum', as: 'area_m2' },
      ],
    },
  ],
};

/** Runs `sluice ingest` with the buildings. */
async function ingest(recipe: unknown): Promise<{ exitCode: number | undefined; run: RunView & { reused?: boolean } }> {
  const [file, recipeFile] = [join(folder, 'Häuser #1 + é.geojson'), join(folder, 'recipe ü.json')];
  await writeFile(
    file,
    JSON.stringify({
      type: 'FeatureCollection',
      features: BUILDINGS.map((building) => ({ type: 'Feature', ...building })),
    }),
  );
  await writeFile(recipeFile, JSON.stringify(recipe));
  const args = [
    'ingest',
    file,
    '--dataset',
    'häuser',
    '--intent',
    'ingest_buildings',
    '--recipe',
    recipeFile,
    '--json',
  ];
  const { stdout, exitCode } = await runSluice(sluice.url, args);
  return { exitCode, run: JSON.parse(stdout) as RunView & { reused?: boolean } };
}

/** The asset view of a run, and its file as read by hyparquet. */
async function assetOf(run: RunView) {
  const asset = (await (await fetch(`${sluice.url}/api/assets/${run.asset?.id}`)).json()) as AssetDetailView;
  const path = join(folder, `${run.run_id}.parquet`);
  await writeFile(path, Buffer.from(await (await fetch(asset.url)).arrayBuffer()));
  return { asset, ...(await readGeoParquet(path)) };
}

test('the asset of a recipe with many steps has notes of what they changed', async () => {
  const { run, exitCode } = await ingest(RECIPE);
  expect(exitCode, JSON.stringify(run.error)).toBe(0);
  const { asset, rows, columns, geo } = await assetOf(run);

  expect(columns.map(({ name }) => name)).toEqual(['Viertel', 'houses', 'highest', 'area_m2', 'geom', 'bbox']);
  const values = rows
    .map(({ Viertel, houses, highest, area_m2 }) => [Viertel, houses, highest, Math.round(Number(area_m2))])
    .sort();
  // At this latitude, 0.001 degrees are 70.6 m from west to east, and 111.2 m from south to north.
  expect(values).toEqual([
    ['Nord', 2n, 12.5, expect.closeTo(15_720, -2)],
    ['Süd', 1n, 7, expect.closeTo(7_860, -2)],
  ]);
  expect(geo.columns['geom']).toMatchObject({
    geometry_types: ['Polygon', 'MultiPolygon'].filter((type) => asset.geometry_types.includes(type)),
    crs: { id: { authority: 'EPSG', code: 25832 } },
  });

  expect(asset.recipe.name).toBe('ingest_buildings');
  expect(asset.recipe.steps).toEqual([
    'NormalizeCRS',
    'MakeValid',
    'KeepPolygonal',
    'filter',
    'clip',
    'cast_columns',
    'rename_columns',
    'drop_columns',
    'add_area',
    'dissolve',
    'SimplifyGeometry',
    'QuantizeCoordinates',
    'CreateSpatialIndex',
  ]);
  expect(asset.recipe.parameters).toMatchObject({
    target_crs: 'EPSG:25832',
    simplify_tolerance: 0.1,
    steps: [
      { step: 'filter' },
      { step: 'clip', crs: 'EPSG:4326', cut: true },
      {},
      {},
      {},
      { step: 'add_area', column: 'area_m2' },
      { step: 'dissolve' },
    ],
  });
  expect(asset.quality.notes).toEqual(
    expect.arrayContaining([
      { code: 'FEATURES_DROPPED', message: 'Removed 1 of 5 features, because they have no polygons.' },
      {
        code: 'FEATURES_FILTERED',
        message: 'The filter removed 1 of 4 features.',
      },
      { code: 'FEATURES_CLIPPED', message: 'Cut 1 feature at the edge of the box.' },
      { code: 'FEATURES_MERGED', message: 'Merged 3 features into 2.' },
    ]),
  );
});

test('the same steps result in the same source hash; other steps or another order result in another one', async () => {
  const first = await ingest({ steps: [{ step: 'explode' }, { step: 'centroid' }] });
  const hash = (await assetOf(first.run)).asset.source_hash;
  const again = await ingest({ steps: [{ step: 'explode' }, { step: 'centroid' }] });
  expect(again.run).toMatchObject({ reused: true, asset: { id: first.run.asset?.id } });
  const hashes = [hash];
  for (const steps of [
    [{ step: 'centroid' }, { step: 'explode' }],
    [{ step: 'explode' }, { step: 'point_on_surface' }],
    [],
  ])
    hashes.push((await assetOf((await ingest({ steps })).run)).asset.source_hash);
  expect(new Set(hashes).size).toBe(4);
});

test('a step with an unknown column fails the run, and the error names the step', async () => {
  const { run, exitCode } = await ingest({
    steps: [
      { step: 'drop_columns', columns: ['OBJECTID'] },
      { step: 'filter', all: [{ column: 'OBJECTID', op: '=', value: 1 }] },
    ],
  });
  expect(exitCode).toBe(1);
  expect(run).toMatchObject({
    status: 'failure',
    error: {
      code: 'RECIPE_INVALID',
      message:
        'metadata.recipe.steps[1].all[0].column: the table has no column "OBJECTID" at this step. Its columns are "Größe %", "Höhe", "Viertel".',
    },
  });
});

test('an invalid recipe file is rejected before the upload', async () => {
  const { run, exitCode } = await ingest({ steps: [{ step: 'clip', bounds: [1, 0, 0, 1] }] });
  expect(exitCode).toBe(2);
  expect(run).toMatchObject({
    error: {
      code: 'REQUEST_INVALID',
      message: '--recipe: steps[0].bounds must be [xmin, ymin, xmax, ymax], with xmin below xmax and ymin below ymax.',
    },
  });
});
