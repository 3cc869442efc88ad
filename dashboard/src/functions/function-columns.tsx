import { Link } from 'react-router';
import type { FunctionCallsView, OverviewView } from '../../../shared/api/views.ts';
import type { FunctionStatus } from '../api/function-status.ts';
import { columnHelper } from '../ui/data-table.tsx';
import { count, duration } from '../ui/format.ts';
import { FunctionState } from './function-state.tsx';

export interface FunctionRow extends FunctionStatus {
  /** Undefined if the router has no queue of the function. */
  queue: OverviewView['queues'][number] | undefined;
  /** Undefined before it was read. */
  hour: FunctionCallsView | undefined;
}

const column = columnHelper<FunctionRow>();

export const FUNCTION_COLUMNS = column.columns([
  column.display({
    id: 'name',
    header: 'Function',
    cell: ({ row }) => (
      <Link to={`/functions/${row.original.name}`} className="nowrap">
        {row.original.name}
      </Link>
    ),
  }),
  column.display({ id: 'state', header: 'Status', cell: ({ row }) => <FunctionState fn={row.original} /> }),
  column.display({
    id: 'n_replicas',
    header: 'Replicas',
    cell: ({ row }) => `${row.original.availableReplicas} of ${row.original.replicas}`,
  }),
  column.display({
    id: 'n_calls',
    header: 'Calls',
    cell: ({ row }) => count(row.original.invocationCount),
  }),
  column.display({ id: 'n_failed', header: 'Failed', cell: ({ row }) => failedShare(row.original.hour) }),
  column.display({ id: 'n_p50', header: 'p50', cell: ({ row }) => secondsText(row.original.hour?.seconds?.p50) }),
  column.display({ id: 'n_p95', header: 'p95', cell: ({ row }) => secondsText(row.original.hour?.seconds?.p95) }),
  column.display({ id: 'n_running', header: 'Running', cell: ({ row }) => count(row.original.queue?.running ?? 0) }),
  column.display({ id: 'n_waiting', header: 'Waiting', cell: ({ row }) => count(row.original.queue?.waiting ?? 0) }),
  column.display({
    id: 'topic',
    header: 'Receives',
    cell: ({ row }) => <TopicList annotations={row.original.annotations} />,
  }),
]);

function failedShare(hour: FunctionCallsView | undefined): string {
  if (hour === undefined || hour.calls === 0) return '–';
  const percent = (100 * hour.failures) / hour.calls;
  return percent === 0 || percent >= 1 ? `${Math.round(percent)} %` : '< 1 %';
}

function secondsText(seconds: number | undefined): string {
  return seconds === undefined ? '–' : duration(seconds);
}

function TopicList({ annotations: { topic = '', schedule } }: Pick<FunctionStatus, 'annotations'>) {
  const topics = topic.split(',').filter((each) => each !== '' && each !== 'cron-function');
  const texts = [...topics, ...(schedule === undefined ? [] : [`timer ${schedule}`])];
  return <span className="small muted break">{texts.join(', ')}</span>;
}
