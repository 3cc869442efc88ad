import { useQuery } from '@tanstack/react-query';
import type { ActivityView } from '../../../shared/api/views.ts';
import { activityQuery } from '../api/queries.ts';
import { columnHelper, DataTable } from '../ui/data-table.tsx';
import { EmptyState } from '../ui/empty-state.tsx';
import { RunLink } from '../ui/links.tsx';
import { Loaded } from '../ui/loaded.tsx';
import { Page } from '../ui/page.tsx';
import { pageOf, Pager, usePage } from '../ui/pager.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';

const column = columnHelper<ActivityView>();
const COLUMNS = column.columns([
  column.display({ id: 'at', header: 'Time', cell: ({ row }) => <RelativeTime time={row.original.at} /> }),
  column.display({
    id: 'message',
    header: 'Activity',
    cell: ({ row }) => <span className="break">{row.original.message}</span>,
  }),
  column.display({
    id: 'operator',
    header: 'Operator',
    cell: ({ row }) => <span className="break">{row.original.operator}</span>,
  }),
  column.display({
    id: 'run',
    header: 'Run',
    cell: ({ row }) => (row.original.run_id === null ? '–' : <RunLink runId={row.original.run_id} />),
  }),
]);

/** Who did what, when. */
export function ActivityPage() {
  const page = usePage();
  const activity = useQuery(activityQuery({ page }));
  return (
    <Page title="Activity" summary="Who did what, newest first.">
      <Loaded query={activity}>
        {(rows) =>
          rows.length === 0 ? (
            <EmptyState title="Nothing was recorded yet.">Runs and actions of operators appear here.</EmptyState>
          ) : (
            <div className="card">
              <DataTable caption="Activity" columns={COLUMNS} rows={pageOf(rows)} rowId={({ id }) => id} />
              <Pager rows={rows} page={page} />
            </div>
          )
        }
      </Loaded>
    </Page>
  );
}
