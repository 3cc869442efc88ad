import type { RunView } from '../../../shared/api/views.ts';
import { columnHelper } from '../ui/data-table.tsx';
import { duration } from '../ui/format.ts';
import { DatasetLink, RunLink } from '../ui/links.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { StatusBadge } from '../ui/status-badge.tsx';

/** Seconds from creation to end; null for a running run. */
export function secondsOf({ created_at, finished_at }: RunView): number | null {
  return finished_at === null ? null : (Date.parse(finished_at) - Date.parse(created_at)) / 1000;
}

const column = columnHelper<RunView>();

export const RUN_COLUMNS = column.columns([
  column.display({
    id: 'status',
    header: 'Status',
    cell: ({ row }) => <StatusBadge status={row.original.status} />,
  }),
  column.display({
    id: 'batch',
    header: 'Batch',
    cell: ({ row: { original: run } }) => (
      <span>
        {run.run_id === null ? run.batch_id : <RunLink runId={run.run_id}>{run.batch_id ?? run.run_id}</RunLink>}
        <RunDetail run={run} />
      </span>
    ),
  }),
  column.display({
    id: 'dataset',
    header: 'Dataset',
    cell: ({ row }) => row.original.dataset_id && <DatasetLink datasetId={row.original.dataset_id} />,
  }),
  column.accessor('lane', { header: 'Lane' }),
  column.display({
    id: 'operator',
    header: 'Started by',
    cell: ({ row }) => <span className="break">{row.original.operator}</span>,
  }),
  column.display({
    id: 'created',
    header: 'Started',
    cell: ({ row }) => <RelativeTime time={row.original.created_at} />,
  }),
  column.display({
    id: 'n_duration',
    header: 'Duration',
    cell: ({ row }) => {
      const seconds = secondsOf(row.original);
      return <span className="nowrap">{seconds === null ? '–' : duration(seconds)}</span>;
    },
  }),
]);

/** The current step, or the error. */
function RunDetail({ run }: { run: RunView }) {
  const step = run.steps.find(({ status }) => status !== 'done');
  if (run.error) return <p className="small muted break">{run.error.code}</p>;
  if (run.status === 'running' && step) return <p className="small muted">{step.name}</p>;
  if (run.reused) return <p className="small muted">linked an existing version</p>;
  return null;
}
