import { Link } from 'react-router';
import type { AssetView } from '../../../shared/api/views.ts';
import { amountOf } from '../asset/amount.ts';
import { columnHelper } from '../ui/data-table.tsx';
import { bytes, counted } from '../ui/format.ts';
import { RelativeTime } from '../ui/relative-time.tsx';

const column = columnHelper<AssetView>();

export const VERSION_COLUMNS = column.columns([
  column.display({
    id: 'version',
    header: 'Version',
    cell: ({ row }) => <Link to={`/assets/${row.original.id}`}>Version {row.original.version}</Link>,
  }),
  column.accessor('kind', { header: 'Kind' }),
  column.display({ id: 'amount', header: 'Content', cell: ({ row }) => amountOf(row.original) }),
  column.display({
    id: 'geometry',
    header: 'Geometry',
    cell: ({ row }) => row.original.geometry_types.join(', ') || '–',
  }),
  column.display({ id: 'crs', header: 'CRS', cell: ({ row }) => row.original.crs ?? '–' }),
  column.display({
    id: 'notes',
    header: 'Notes',
    cell: ({ row }) =>
      row.original.quality.notes.length === 0 ? '–' : counted(row.original.quality.notes.length, 'note'),
  }),
  column.display({ id: 'n_size', header: 'Size', cell: ({ row }) => bytes(row.original.size_bytes) }),
  column.display({
    id: 'created',
    header: 'Created',
    cell: ({ row }) => <RelativeTime time={row.original.created_at} />,
  }),
  column.display({
    id: 'download',
    header: 'File',
    cell: ({ row }) => (
      <a href={`/api/assets/${row.original.id}/download`} aria-label={`Download version ${row.original.version}`}>
        Download
      </a>
    ),
  }),
]);
