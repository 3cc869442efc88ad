import { Link } from 'react-router';
import type { AssetView } from '../../../shared/api/views.ts';
import { amountOf } from '../asset/amount.ts';
import { bytes } from '../ui/format.ts';
import { RelativeTime } from '../ui/relative-time.tsx';

const SHOWN = 8;

export function NewestAssets({ assets }: { assets: AssetView[] }) {
  return (
    <ul className="list">
      {assets.slice(0, SHOWN).map((asset) => (
        <li key={asset.id}>
          <div className="list-row">
            <Link to={`/assets/${asset.id}`} className="break">
              {asset.dataset_id}, version {asset.version}
            </Link>
            <span className="muted small">
              <RelativeTime time={asset.created_at} />
            </span>
          </div>
          <p className="muted small">
            {[asset.kind, amountOf(asset), bytes(asset.size_bytes)].filter((text) => text !== '').join(', ')}
          </p>
        </li>
      ))}
    </ul>
  );
}
