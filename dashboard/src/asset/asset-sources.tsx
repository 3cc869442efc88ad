import { Link } from 'react-router';
import type { AssetDetailView } from '../../../shared/api/views.ts';
import { Card } from '../ui/card.tsx';
import { bytes, counted } from '../ui/format.ts';

/** The files and assets that the asset was made from. */
export function AssetSources({ asset }: { asset: AssetDetailView }) {
  const { sources, parents = [] } = asset;
  if (sources.length + parents.length === 0) return null;
  return (
    <Card title="Sources" flush>
      <ul className="list">
        {sources.map((source) => (
          <li key={source.path}>
            <code className="break">{source.path}</code>
            <p className="small muted">
              {[
                bytes(source.size_bytes),
                source.row_count === null ? '' : counted(source.row_count, 'row'),
                `SHA-256 ${source.sha256.slice(0, 12)}…`,
              ]
                .filter((text) => text !== '')
                .join(', ')}
            </p>
          </li>
        ))}
        {parents.map((id) => (
          <li key={id}>
            <Link to={`/assets/${id}`}>Asset {id}</Link>
          </li>
        ))}
      </ul>
    </Card>
  );
}
