import { Link } from 'react-router';
import type { RunView } from '../../../shared/api/views.ts';
import { amountOf } from '../asset/amount.ts';
import { Card } from '../ui/card.tsx';
import { bytes } from '../ui/format.ts';

/** What the run made or linked. */
export function RunAssets({ run }: { run: RunView }) {
  return (
    <Card title="Assets" aside={run.reused ? 'linked an existing version' : undefined} flush>
      {run.assets.length === 0 ? (
        <p className="card-body muted">{withoutAsset(run)}</p>
      ) : (
        <ul className="list">
          {run.assets.map((asset) => (
            <li key={asset.id}>
              <Link to={`/assets/${asset.id}`} className="break">
                {asset.dataset_id}, version {asset.version}
              </Link>
              <p className="small muted">
                {[asset.kind, amountOf(asset), bytes(asset.size_bytes)].filter((text) => text !== '').join(', ')}
              </p>
            </li>
          ))}
        </ul>
      )}
    </Card>
  );
}

function withoutAsset({ status }: RunView): string {
  if (status === 'running') return 'The asset appears here when it is exported.';
  if (status === 'success') return 'The asset of this run was removed. The activity log names the reason.';
  return 'The run made no asset.';
}
