import type { AssetDetailView } from '../../../shared/api/views.ts';
import { Card } from '../ui/card.tsx';
import { count } from '../ui/format.ts';

/** The geometry counts and the notes of an asset. */
export function AssetNotes({ asset: { quality } }: { asset: AssetDetailView }) {
  const counts = [
    { number: quality.repaired_geometries, label: 'repaired' },
    { number: quality.split_geometries ?? 0, label: 'divided' },
    { number: quality.simplified_geometries ?? 0, label: 'simplified' },
    { number: quality.null_geometries, label: 'missing' },
    { number: quality.empty_geometries, label: 'empty' },
  ].filter(({ number }) => number !== 0);
  const geometries = counts.map(({ number, label }) => `${count(number)} ${label}`).join(', ');
  return (
    <Card title="Quality" flush>
      {geometries === '' && quality.notes.length === 0 && (
        <p className="card-body muted">No geometry was changed, and there is nothing to note.</p>
      )}
      <ul className="list">
        {geometries !== '' && <li>Geometries: {geometries}</li>}
        {quality.notes.map((note, index) => (
          <li key={`${note.code} ${index}`}>
            <p className="break">{note.message}</p>
            <p className="small muted">{note.code}</p>
          </li>
        ))}
      </ul>
    </Card>
  );
}
