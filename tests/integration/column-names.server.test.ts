import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { runSluice } from '../fixtures/command-line.ts';
import { startTestSluice, type TestSluice } from '../running-sluice.ts';

/** Attributes with the names that Sluice, GDAL and PostgreSQL use themselves, in every lane. */

/** The column `a` is the key of the join. All other names are awkward. */
const NAMES = [
  ...['a', 'A', 'sluice~key', 'SLUICE~Geometry', 'sluice~0', 'sluice1~key', 'sluice~renamed~0', 'sluice_fid'],
  ...['ctid', 'XMIN', 'tableoid', 'geom', 'geometry', 'wkb_geometry', 'fid', 'ogc_fid', '_ogr_geometry_', 'bbox'],
  ...['box', 'changed', 'feature', 'key', 'rank', 'n', 'c0', 'line', 'rows', 'row', 'value', 't', 'position'],
  ...['q"uote', "o'b", 'back\\slash', '%I %s %1$I', 'é'.repeat(40), `${'é'.repeat(40)}x`, 'select', '--', 'ı', '😀'],
];
/** The values of a row: the position of each column. */
const VALUES = NAMES.map((_, position) => position);

let sluice: TestSluice;
let folder: string;
beforeAll(async () => {
  [sluice, folder] = await Promise.all([startTestSluice(), mkdtemp(join(tmpdir(), 'sluice names '))]);
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

interface Made {
  asset: { url: string; columns: { name: string; type: string }[]; quality: { notes: { code: string }[] } };
}

async function sluiceCommand(...args: string[]): Promise<Made> {
  const result = await runSluice(sluice.url, [...args, '--json']);
  expect(result.exitCode, result.stderr + result.stdout).toBe(0);
  return JSON.parse(result.stdout) as Made;
}

async function ingest(name: string, body: string, ...options: string[]): Promise<Made> {
  const path = join(folder, name);
  await writeFile(path, body);
  return sluiceCommand('ingest', path, ...options);
}

/** The numbers in the first row of the asset, in order. */
async function numbersOf({ asset }: Made): Promise<number[]> {
  const file = await (await fetch(asset.url)).arrayBuffer();
  const [row = {}] = await parquetReadObjects({ file, compressors });
  return Object.values(row)
    .filter((value) => typeof value === 'number' || typeof value === 'bigint')
    .map(Number)
    .sort((one, other) => one - other);
}

const attributesOf = ({ asset }: Made) =>
  asset.columns.filter(({ type }) => type !== 'geometry').map(({ name }) => name);

/** Two polygons, of which the second intersects itself, in one geometry. */
const GEOMETRY = {
  type: 'MultiPolygon',
  coordinates: [
    [
      [
        [0, 0],
        [4, 0],
        [4, 4],
        [0, 4],
        [0, 0],
      ],
    ],
    [
      [
        [10, 10],
        [12, 12],
        [12, 10],
        [10, 12],
        [10, 10],
      ],
    ],
  ],
};

const geojson = () => {
  const properties = Object.fromEntries(NAMES.map((name, position) => [name, position]));
  return JSON.stringify({ type: 'FeatureCollection', features: [{ type: 'Feature', properties, geometry: GEOMETRY }] });
};
const csv = (names: readonly string[], values: readonly number[]) =>
  `${names.map((name) => `"${name.replaceAll('"', '""')}"`).join(',')}\n${values.join(',')}\n`;

test('GeoJSON: every recipe step keeps the attributes', async () => {
  const recipe = join(folder, 'recipe.json');
  await writeFile(
    recipe,
    JSON.stringify({
      simplify_tolerance: 0.1,
      coordinate_precision: 3,
      steps: [
        { step: 'filter', all: [{ column: 'sluice~key', op: '>=', value: 0 }] },
        { step: 'clip', bounds: [1, 1, 11, 11] },
        { step: 'explode' },
        { step: 'cast_columns', columns: { feature: 'bigint', [`${'é'.repeat(30)}_1`]: 'bigint' } },
        { step: 'dissolve', by: ['a', 'sluice~key', 'key'], aggregates: [{ function: 'count', as: 'rows' }] },
        { step: 'add_area', column: 'geometry' },
      ],
    }),
  );
  const plain = await ingest('namen.geojson', geojson(), '--dataset', 'namen');
  expect(await numbersOf(plain)).toEqual(VALUES);
  expect(new Set(attributesOf(plain)).size).toBe(NAMES.length);
  const reserved = ['A', 'sluice_fid', 'ctid', 'XMIN', 'tableoid', 'geom', 'bbox'];
  const isRenamed = (name: string) => reserved.includes(name) || Buffer.byteLength(name) > 63;
  expect(attributesOf(plain)).toEqual(
    NAMES.map((name) => (isRenamed(name) ? (expect.stringMatching(/_\d$/) as string) : name)),
  );
  const grouped = await ingest('namen 2.geojson', geojson(), '--dataset', 'gruppiert', '--recipe', recipe);
  expect(attributesOf(grouped)).toEqual(['a', 'sluice~key', 'key', 'rows', 'geometry']);
});

test('a layer of points from CSV', async () => {
  const made = await ingest(
    'punkte.csv',
    csv(['lon', 'lat', ...NAMES], [7, 50, ...VALUES]),
    '--dataset',
    'punkte',
    '--crs',
    'EPSG:4326',
    ...['--x-column', 'lon', '--y-column', 'lat'],
  );
  expect(await numbersOf(made)).toEqual([...VALUES, 7, 50].sort((one, other) => one - other));
});

test('tables, and their join with features', async () => {
  const table = await ingest('tafel.csv', csv(NAMES, VALUES), '--dataset', 'tafel', '--intent', 'ingest_tabular');
  expect(await numbersOf(table)).toEqual(VALUES);
  const lines = Object.fromEntries(NAMES.map((name, position) => [name, position]));
  const fromLines = await ingest(
    'zeilen.jsonl',
    JSON.stringify(lines),
    '--dataset',
    'zeilen',
    '--intent',
    'ingest_tabular',
  );
  expect(await numbersOf(fromLines)).toEqual(VALUES);
  expect(attributesOf(fromLines)).toEqual(attributesOf(table));

  const joined = await sluiceCommand('join', 'namen', 'tafel', '--on', 'a', '--dataset', 'verbunden');
  // The key has the same name on both sides, and is kept once.
  expect(await numbersOf(joined)).toEqual([...VALUES, ...VALUES.slice(1)].sort((one, other) => one - other));
  const names = attributesOf(joined).map((name) => name.toLowerCase());
  expect(new Set(names).size).toBe(names.length);
});
