import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readGeoParquet } from '../../tests/geoparquet.ts';
import { runSluice } from '../../tests/fixtures/command-line.ts';
import { startTestSluice, type TestSluice } from '../../tests/running-sluice.ts';
import type { RunJson } from '../output/json-output.ts';
import type { LineageGraph } from '#shared/api/views.ts';

/** The join lane from end to end, with two assets from the vector and tabular lanes. */

const COUNTRIES = fileURLToPath(new URL('../../gateway/console/sample/countries.zip', import.meta.url));
const CSV = [
  'Land,Hauptstadt,Einwohner,area_km2',
  'DE,Berlin,"84,4 Mio.",357592',
  'FR,Paris,68 Mio.,643801',
  'NA,Windhoek,,825615',
  'XX,"Nirgends, é 🚗",,0',
  ',ohne,,1\n',
].join('\n');

let sluice: TestSluice;
let folder: string;
let countries: RunJson;
let capitals: RunJson;
beforeAll(async () => {
  sluice = await startTestSluice();
  folder = await mkdtemp(join(tmpdir(), 'sluice join é #'));
  await writeFile(join(folder, 'Hauptstädte #1.csv'), CSV);
  countries = (await json('ingest', COUNTRIES, '--dataset', 'länder')).document;
  capitals = (
    await json('ingest', join(folder, 'Hauptstädte #1.csv'), '--dataset', 'hauptstädte', '--intent', 'ingest_tabular')
  ).document;
});
afterAll(async () => {
  await sluice[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

const run = (args: string[]) => runSluice(sluice.url, args);
const json = async (...args: string[]) => {
  const { stdout, exitCode } = await run([...args, '--json']);
  return { exitCode, document: JSON.parse(stdout) as RunJson };
};
const fetchJson = async (path: string) => (await fetch(`${sluice.url}${path}`)).json() as Promise<unknown>;

test('joins a dataset with a table, and reports unmatched keys', async () => {
  const { exitCode, document } = await json(
    'join',
    'länder',
    'hauptstädte',
    '--on',
    'iso_a2=Land',
    '--dataset',
    'länder-hauptstädte',
  );
  expect(document.error).toBeNull();
  expect(exitCode).toBe(0);
  expect(document.steps.map(({ name, status }) => `${name} ${status}`)).toEqual([
    'join done',
    'export-geoparquet done',
    'record-lineage done',
    'archive done',
  ]);
  expect(document.asset).toMatchObject({
    dataset_id: 'länder-hauptstädte',
    version: 1,
    row_count: 177,
    crs: 'EPSG:4326',
    join: { matched_rows: 3, unmatched_tabular: { count: 1, sample: ['XX'] }, null_keys: { tabular: 1 } },
  });
  expect(document.asset?.columns.slice(-5)).toEqual([
    { name: 'Land', type: 'text' },
    { name: 'Hauptstadt', type: 'text' },
    { name: 'Einwohner', type: 'text' },
    { name: 't_area_km2', type: 'bigint' },
    { name: 'geom', type: 'geometry' },
  ]);
  expect(document.asset?.quality.notes.map(({ code }) => code)).toEqual(
    expect.arrayContaining(['COLUMN_RENAMED', 'JOIN_KEYS_UNMATCHED', 'JOIN_KEYS_MISSING']),
  );

  // Read the file with an independent reader, and compare it with the source.
  const file = join(folder, 'joined.parquet');
  await writeFile(file, Buffer.from(await (await fetch(document.asset?.url ?? '')).arrayBuffer()));
  const { rows, geo } = await readGeoParquet(file);
  expect(rows).toHaveLength(177);
  expect(
    rows
      .filter(({ Hauptstadt }) => Hauptstadt !== null && Hauptstadt !== undefined)
      .map(({ name, Hauptstadt, t_area_km2 }) => [name, Hauptstadt, t_area_km2])
      .sort(),
  ).toEqual([
    ['France', 'Paris', 643801n],
    ['Germany', 'Berlin', 357592n],
    ['Namibia', 'Windhoek', 825615n],
  ]);
  expect(geo.columns.geom?.bbox).toEqual(countries.asset?.bbox);
});

test('lineage and catalog name both parents; the same join again returns the same asset', async () => {
  const args = [
    'join',
    countries.asset?.id ?? '',
    capitals.asset?.id ?? '',
    '--on',
    'iso_a2=Land',
    '--how',
    'inner',
    '--columns',
    'Hauptstadt',
    '--dataset',
    'inner é'.replace(' ', '_'),
  ];
  const { document } = await json(...args);
  expect(document.asset).toMatchObject({ row_count: 3, join: { matched_rows: 3 } });
  const id = document.asset?.id ?? '';
  const graph = (await fetchJson(`/api/assets/${id}/lineage`)) as LineageGraph;
  expect(
    graph.edges
      .filter((edge) => edge.to === id)
      .map(({ from, operation, recipe }) => [from, operation, recipe])
      .sort(),
  ).toEqual(
    [
      [countries.asset?.id, 'join_datasets', 'join'],
      [capitals.asset?.id, 'join_datasets', 'join'],
    ].sort(),
  );
  const { stac_key } = (await fetchJson(`/api/assets/${id}`)) as { stac_key: string };
  const chunks = await (await sluice.context.objects.read('data-lake', stac_key)).toArray();
  const item = JSON.parse(Buffer.concat(chunks as Buffer[]).toString()) as { links: { rel: string }[] };
  expect(item.links.filter(({ rel }) => rel === 'derived_from')).toHaveLength(2);

  const repeat = await json(...args);
  expect(repeat.document).toMatchObject({ reused: true, asset: { id } });
  const forced = await json(...args, '--force');
  expect(forced.document).toMatchObject({
    reused: false,
    asset: { version: 2, content_hash: document.asset?.content_hash },
  });
});

test('a missing asset fails the run; wrong usage fails before the upload', async () => {
  const missing = await run(['join', 'länder', 'nirgends', '--on', 'iso_a2=Land', '--dataset', 'x']);
  expect(missing.exitCode).toBe(1);
  expect(missing.stderr).toContain('ASSET_NOT_FOUND: the table: the dataset "nirgends" has no assets.');
  const types = await json('join', 'länder', 'hauptstädte', '--on', 'area_km2=Land', '--dataset', 'x');
  expect(types).toMatchObject({
    exitCode: 1,
    document: {
      status: 'failure',
      asset: null,
      error: {
        code: 'JOIN_KEY_TYPE_MISMATCH',
        details: { left_key: { type: 'integer' }, right_key: { type: 'text' } },
      },
    },
  });
  expect((await run(['join', 'länder', 'hauptstädte', '--on', '=', '--dataset', 'x'])).exitCode).toBe(2);
  expect((await run(['join', 'länder', '--on', 'a=b', '--dataset', 'x'])).exitCode).toBe(2);
});
