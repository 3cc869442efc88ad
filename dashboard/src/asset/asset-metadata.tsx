import type { AssetDetailView } from '../../../shared/api/views.ts';
import { Card } from '../ui/card.tsx';
import { Facts } from '../ui/facts.tsx';

/** The catalog records, and the programs that made the asset. */
export function AssetMetadata({ asset }: { asset: AssetDetailView }) {
  const software = Object.entries(asset.software ?? {}).map(([name, version]) => `${name} ${version}`);
  return (
    <Card title="Metadata">
      <Facts
        facts={[
          ['STAC item', asset.stac_key && <code key="stac">{asset.stac_key}</code>],
          ['Software', software.join(', ')],
        ]}
      />
      <p className="metadata-links">
        <a href={`/api/assets/${asset.id}`}>All fields as JSON</a>
        <a href={`/api/assets/${asset.id}/lineage`}>Lineage as JSON</a>
      </p>
      {asset.iso && (
        <details>
          <summary>ISO 19115 record</summary>
          {/* A scrollable region must be reachable with the keyboard. */}
          <pre className="json" tabIndex={0} role="region" aria-label="ISO 19115 record">
            {JSON.stringify(asset.iso, null, 2)}
          </pre>
        </details>
      )}
    </Card>
  );
}
