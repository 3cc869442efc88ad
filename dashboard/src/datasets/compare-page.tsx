import { useQuery } from '@tanstack/react-query';
import { lazy, Suspense } from 'react';
import { Link, useParams, useSearchParams } from 'react-router';
import type { AssetDetailView, AssetView } from '../../../shared/api/views.ts';
import { boundsOf } from '../asset/asset-facts.tsx';
import { amountOf } from '../asset/amount.ts';
import { assetQuery, assetsQuery } from '../api/queries.ts';
import { Card } from '../ui/card.tsx';
import { columnHelper, DataTable } from '../ui/data-table.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { bytes, count, exactTime } from '../ui/format.ts';
import { Loaded } from '../ui/loaded.tsx';
import { Page } from '../ui/page.tsx';
import { useChangeParams } from '../ui/use-change-params.ts';
import { changedColumns, type ColumnChange, difference } from './compare-versions.ts';

// MapLibre is larger than all other code of the page.
const ExtentMap = lazy(() => import('../asset/map/extent-map.tsx'));

/** What differs between two versions of a dataset. The URL names them as `from` and `to`. */
export function ComparePage() {
  const { datasetId = '' } = useParams();
  const versions = useQuery(assetsQuery({ dataset_id: datasetId }));
  return (
    <Page
      title={`Versions of ${datasetId}`}
      parent={{ to: `/datasets/${encodeURIComponent(datasetId)}`, name: datasetId }}
      summary="What differs between two versions."
    >
      <Loaded query={versions}>
        {(assets) =>
          assets.length < 2 ? (
            <EmptyState title="The dataset has fewer than two versions.">
              The next ingest of the dataset adds one.
            </EmptyState>
          ) : (
            <Choice assets={assets} />
          )
        }
      </Loaded>
    </Page>
  );
}

function Choice({ assets }: { assets: AssetView[] }) {
  const [params] = useSearchParams();
  const change = useChangeParams();
  const chosen = (name: string, index: number) =>
    assets.find(({ version }) => String(version) === params.get(name)) ?? assets[index];
  const [from, to] = [chosen('from', 1), chosen('to', 0)];
  if (!from || !to) return null;
  const choice = (name: string, label: string, asset: AssetView) => (
    <label className="field">
      <span>{label}</span>
      <select className="input" value={asset.version} onChange={(event) => change({ [name]: event.target.value })}>
        {assets.map(({ id, version }) => (
          <option key={id}>{version}</option>
        ))}
      </select>
    </label>
  );
  return (
    <>
      <div className="filters">
        {choice('from', 'From version', from)}
        {choice('to', 'To version', to)}
      </div>
      <Differences fromId={from.id} toId={to.id} />
    </>
  );
}

function Differences({ fromId, toId }: { fromId: string; toId: string }) {
  const from = useQuery(assetQuery(fromId));
  const to = useQuery(assetQuery(toId));
  return (
    <Loaded query={from}>
      {(older) => (
        <Loaded query={to}>
          {(newer) => (
            <>
              <Card title="Facts" flush>
                <DataTable
                  caption="Facts of both versions"
                  columns={factColumns(older, newer)}
                  rows={factsOf(older, newer)}
                  rowId={({ name }) => name}
                />
              </Card>
              <Columns from={older} to={newer} />
              <Extents assets={[older, newer]} />
            </>
          )}
        </Loaded>
      )}
    </Loaded>
  );
}

interface Fact {
  name: string;
  from: string;
  to: string;
  change: string;
}

const fact = columnHelper<Fact>();

function factColumns(from: AssetView, to: AssetView) {
  const link = ({ id, version }: AssetView) => <Link to={`/assets/${id}`}>Version {version}</Link>;
  return fact.columns([
    fact.accessor('name', { header: 'Fact' }),
    fact.accessor('from', { header: () => link(from) }),
    fact.accessor('to', { header: () => link(to) }),
    fact.accessor('change', { header: 'Change' }),
  ]);
}

function factsOf(from: AssetDetailView, to: AssetDetailView): Fact[] {
  const row = (name: string, text: (asset: AssetDetailView) => string | null, change = ''): Fact => {
    const [older, newer] = [text(from) ?? '–', text(to) ?? '–'];
    return { name, from: older, to: newer, change: change || (older === newer ? '' : 'changed') };
  };
  return [
    row('Content', amountOf, difference(from.row_count, to.row_count, count)),
    row('Geometry', ({ geometry_types: types }) => types.join(', ') || null),
    row('CRS', ({ crs }) => crs),
    row('Bounding box', ({ bbox }) => bbox && boundsOf(bbox)),
    row('Size', ({ size_bytes: size }) => bytes(size), difference(from.size_bytes, to.size_bytes, bytes)),
    row('Rejected rows', ({ rejected_rows: rejected }) => (rejected ? count(rejected.count) : null)),
    row('Notes', ({ quality }) => count(quality.notes.length)),
    row('Recipe', ({ recipe }) => [recipe.name, ...recipe.steps].join(', ')),
    row('Files', ({ sources }) => sources.map(({ path }) => path).join(', ')),
    row('SHA-256', ({ content_hash: hash }) => hash),
    row('Created', ({ created_at: time }) => exactTime(time)),
  ];
}

const change = columnHelper<ColumnChange>();
const CHANGE_COLUMNS = change.columns([
  change.accessor('name', { header: 'Column' }),
  change.accessor('from', { header: 'Type before', cell: ({ getValue }) => getValue() ?? 'no such column' }),
  change.accessor('to', { header: 'Type after', cell: ({ getValue }) => getValue() ?? 'removed' }),
]);

function Columns({ from, to }: { from: AssetDetailView; to: AssetDetailView }) {
  if (from.columns.length === 0 && to.columns.length === 0) return null;
  const changed = changedColumns(from.columns, to.columns);
  return (
    <Card title="Columns" flush={changed.length > 0}>
      {changed.length === 0 ? (
        <p className="muted">Both versions have the same columns, with the same types.</p>
      ) : (
        <DataTable caption="Changed columns" columns={CHANGE_COLUMNS} rows={changed} rowId={({ name }) => name} />
      )}
    </Card>
  );
}

function Extents({ assets }: { assets: AssetDetailView[] }) {
  const extents = assets.flatMap(({ bbox }) => (bbox ? [bbox] : []));
  if (extents.length === 0) return null;
  return (
    <Card title="Extents" flush>
      <Suspense fallback={<div className="map map-loading extent-map">Loading the map…</div>}>
        <ExtentMap extents={extents} note="The bounding boxes of both versions." />
      </Suspense>
    </Card>
  );
}
