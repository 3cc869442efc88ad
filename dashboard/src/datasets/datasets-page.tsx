import { useQuery } from '@tanstack/react-query';
import { useSearchParams } from 'react-router';
import type { DatasetView } from '../../../shared/api/views.ts';
import { datasetsQuery, PAGE_SIZE } from '../api/queries.ts';
import { Command } from '../ui/command.tsx';
import { columnHelper, DataTable } from '../ui/data-table.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { counted } from '../ui/format.ts';
import { DatasetLink } from '../ui/links.tsx';
import { Loaded } from '../ui/loaded.tsx';
import { Page } from '../ui/page.tsx';
import { pageOf, Pager, usePage } from '../ui/pager.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

const column = columnHelper<DatasetView>();
const COLUMNS = column.columns([
  column.display({
    id: 'dataset',
    header: 'Dataset',
    cell: ({ row }) => <DatasetLink datasetId={row.original.dataset_id} />,
  }),
  column.display({
    id: 'n_version',
    header: 'Newest version',
    cell: ({ row }) => (row.original.latest_version === 0 ? 'none yet' : row.original.latest_version),
  }),
  column.display({
    id: 'kept',
    header: 'Kept versions',
    cell: ({ row }) => row.original.keep_versions ?? 'all',
  }),
  column.display({
    id: 'created',
    header: 'Created',
    cell: ({ row }) => <RelativeTime time={row.original.created_at} />,
  }),
]);

/** The datasets of the lake. The API returns all of them, so the search and the pages are made here. */
export function DatasetsPage() {
  const datasets = useQuery(datasetsQuery);
  const [params, setParams] = useSearchParams();
  const page = usePage();
  const text = params.get('text') ?? '';
  const search = (value: string) => setParams(value === '' ? {} : { text: value }, { replace: true });
  return (
    <Page title="Datasets" summary="Each dataset is a series of versions.">
      <Loaded query={datasets}>
        {(all) => {
          const found = all.filter(({ dataset_id }) => dataset_id.toLowerCase().includes(text.toLowerCase()));
          const rows = found.slice((page - 1) * PAGE_SIZE, page * PAGE_SIZE + 1);
          if (all.length === 0)
            return (
              <EmptyState title="There is no dataset yet.">
                The first ingest creates one: <Command>npx sluice ingest FILE --dataset NAME</Command>
              </EmptyState>
            );
          return (
            <>
              <search className="filters">
                <label className="field">
                  <span>Search</span>
                  <input
                    className="input"
                    type="search"
                    value={text}
                    placeholder="part of a name"
                    onChange={(event) => search(event.target.value)}
                  />
                </label>
                <span className="muted">{counted(found.length, 'dataset')}</span>
              </search>
              {rows.length === 0 ? (
                <EmptyState title="No dataset matches the search." />
              ) : (
                <div className="card">
                  <DataTable
                    caption="Datasets"
                    columns={COLUMNS}
                    rows={pageOf(rows)}
                    rowId={({ dataset_id }) => dataset_id}
                  />
                  <Pager rows={rows} page={page} />
                </div>
              )}
            </>
          );
        }}
      </Loaded>
    </Page>
  );
}
