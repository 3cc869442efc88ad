import { expect, test } from 'vitest';
import type { LineageDocument } from '#shared/ledger/documents.ts';
import { assetDocument } from '../../tests/fixtures/documents.ts';
import { lineageGraph } from './lineage-graph.ts';

const RUN = '0d4a1f6e-2f64-8c11-9a3e-0123456789ab';
const fromFile = (asset_id: string, path: string): LineageDocument =>
  edge(asset_id, { kind: 'file', path, sha256: 'a'.repeat(64) });
const fromAsset = (asset_id: string, parent: string): LineageDocument =>
  edge(asset_id, { kind: 'asset', asset_id: parent });
const edge = (asset_id: string, source: LineageDocument['source']): LineageDocument => ({
  _id: `${asset_id}<${JSON.stringify(source)}`,
  asset_id,
  source,
  operation: 'join_datasets',
  recipe: 'default',
  parameters: {},
  run_id: RUN,
  created_at: '2026-01-01T00:00:00.000Z',
});

/** `joined` was made from `roads` and `prices`, `again` from `joined`, and `other` from `roads`. */
const EDGES = [
  fromFile('roads', 's3://landing-zone/b/straßen #1.zip'),
  fromFile('prices', 's3://landing-zone/b/prices.csv'),
  fromAsset('joined', 'roads'),
  fromAsset('joined', 'prices'),
  fromAsset('again', 'joined'),
  fromAsset('other', 'roads'),
];
const known = new Set(EDGES.map(({ asset_id }) => asset_id));
const ledger = {
  getAssets: (ids: readonly string[]) =>
    Promise.resolve(ids.filter((id) => known.has(id)).map((id) => assetDocument({ _id: id, dataset_id: id }))),
  getRemovedAsset: (id: string) =>
    Promise.resolve(
      id === 'gone'
        ? assetDocument({
            _id: id,
            dataset_id: 'straßen',
            version: 2,
            removed: { at: '2026-01-02T00:00:00.000Z', reason: 'retention' },
          })
        : undefined,
    ),
  listLineage: (id: string) => Promise.resolve(EDGES.filter((each) => each.asset_id === id)),
  listDerived: (id: string) =>
    Promise.resolve(EDGES.filter((each) => each.source.kind === 'asset' && each.source.asset_id === id)),
};

test('contains the sources and the derived assets of an asset, but not its siblings', async () => {
  const graph = await lineageGraph('joined', ledger);
  expect(graph?.nodes.map((node) => (node.kind === 'file' ? node.path : node.id)).sort()).toEqual([
    'again',
    'joined',
    'prices',
    'roads',
    's3://landing-zone/b/prices.csv',
    's3://landing-zone/b/straßen #1.zip',
  ]);
  expect(graph?.edges.map(({ from, to }) => `${from.replace(/#a+$/, '')} > ${to}`).sort()).toEqual([
    'joined > again',
    'prices > joined',
    'roads > joined',
    's3://landing-zone/b/prices.csv > prices',
    's3://landing-zone/b/straßen #1.zip > roads',
  ]);
  expect(graph?.truncated).toBe(false);
});

test('contains the nodes of every edge', async () => {
  for (const root of known) {
    const graph = await lineageGraph(root, ledger);
    const ids = new Set(graph?.nodes.map(({ id }) => id));
    for (const { from, to } of graph?.edges ?? []) expect([ids.has(from), ids.has(to)]).toEqual([true, true]);
  }
});

test('contains removed assets, and stops at a cycle', async () => {
  const ring = {
    ...ledger,
    listLineage: (id: string) =>
      Promise.resolve(
        id === 'again' ? [fromAsset('again', 'gone')] : id === 'gone' ? [fromAsset('gone', 'again')] : [],
      ),
  };
  expect((await lineageGraph('again', ring))?.nodes).toContainEqual({
    id: 'gone',
    kind: 'removed asset',
    dataset_id: 'straßen',
    version: 2,
    removed_at: '2026-01-02T00:00:00.000Z',
  });
  expect((await lineageGraph('gone', ring))?.nodes.map(({ id }) => id).sort()).toEqual(['again', 'gone']);
});

test('returns undefined for an unknown asset', async () => {
  expect(await lineageGraph('unknown', ledger)).toBeUndefined();
});
