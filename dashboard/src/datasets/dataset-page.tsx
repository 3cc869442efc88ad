import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';
import { assetsQuery, datasetQuery } from '../api/queries.ts';
import { Command } from '../ui/command.tsx';
import { DataTable } from '../ui/data-table.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { Loaded } from '../ui/loaded.tsx';
import { Page } from '../ui/page.tsx';
import { pageOf, Pager, usePage } from '../ui/pager.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { VERSION_COLUMNS } from './version-columns.tsx';

/** The versions of a dataset. */
export function DatasetPage() {
  const { datasetId = '' } = useParams();
  const page = usePage();
  const dataset = useQuery(datasetQuery(datasetId));
  const versions = useQuery(assetsQuery({ dataset_id: datasetId, page }));
  const data = dataset.data;
  return (
    <Page
      title={datasetId}
      parent={{ to: '/datasets', name: 'Datasets' }}
      actions={
        <>
          <Link className="button" to={`/datasets/${encodeURIComponent(datasetId)}/compare`}>
            Compare versions
          </Link>
          <Link className="button" to={`/runs?dataset_id=${encodeURIComponent(datasetId)}`}>
            Runs of this dataset
          </Link>
        </>
      }
      summary={
        data && (
          <>
            Created <RelativeTime time={data.created_at} />.{' '}
            {data.keep_versions === null
              ? 'All versions are kept.'
              : data.keep_versions === 1
                ? 'Only the newest version is kept.'
                : `The newest ${data.keep_versions} versions are kept.`}
          </>
        )
      }
    >
      <Loaded query={dataset}>
        {() => (
          <Loaded query={versions}>
            {(rows) =>
              rows.length === 0 ? (
                <EmptyState title="This dataset has no version.">
                  The runs of the dataset show the reason. A successful ingest adds a version:{' '}
                  <Command>{`npx sluice ingest FILE --dataset ${datasetId}`}</Command>
                </EmptyState>
              ) : (
                <div className="card">
                  <DataTable caption="Versions" columns={VERSION_COLUMNS} rows={pageOf(rows)} rowId={({ id }) => id} />
                  <Pager rows={rows} page={page} />
                </div>
              )
            }
          </Loaded>
        )}
      </Loaded>
    </Page>
  );
}
