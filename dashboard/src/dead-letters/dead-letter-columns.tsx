import { Link } from 'react-router';
import type { DeadLetterView } from '../../../shared/api/views.ts';
import { columnHelper } from '../ui/data-table.tsx';
import { counted } from '../ui/format.ts';
import { RunLink } from '../ui/links.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { useSelection } from './selection.ts';

const column = columnHelper<DeadLetterView>();

export const DEAD_LETTER_COLUMNS = column.columns([
  column.display({
    id: 'select',
    header: () => <SelectAll />,
    cell: ({ row }) => <SelectOne letter={row.original} />,
  }),
  column.display({
    id: 'function',
    header: 'Function',
    cell: ({ row }) => <Link to={`/functions/${row.original.function}`}>{row.original.function}</Link>,
  }),
  column.display({
    id: 'error',
    header: 'Error',
    cell: ({ row: { original: letter } }) => (
      <div className="break">
        <p>{letter.error.message}</p>
        <p className="small muted">
          {letter.error.code}, {counted(letter.attempts, 'attempt')}, event {letter.event.type}
        </p>
        {letter.advice && <p className="small">{letter.advice}</p>}
      </div>
    ),
  }),
  column.display({
    id: 'run',
    header: 'Run',
    cell: ({ row }) => (row.original.run_id === null ? '–' : <RunLink runId={row.original.run_id} />),
  }),
  column.display({
    id: 'failed',
    header: 'Failed',
    cell: ({ row }) => <RelativeTime time={row.original.failed_at} />,
  }),
]);

function SelectAll() {
  const { toggleAll, areAllSelected } = useSelection();
  return (
    <input
      type="checkbox"
      className="checkbox"
      aria-label="Select all dead letters of this page"
      checked={areAllSelected}
      onChange={toggleAll}
    />
  );
}

function SelectOne({ letter }: { letter: DeadLetterView }) {
  const { ids, toggle } = useSelection();
  return (
    <input
      type="checkbox"
      className="checkbox"
      aria-label={`Select the dead letter of ${letter.function}: ${letter.error.message}`}
      checked={ids.has(letter.id)}
      onChange={() => toggle(letter.id)}
    />
  );
}
