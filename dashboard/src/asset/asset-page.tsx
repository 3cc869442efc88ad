import { useQuery } from '@tanstack/react-query';
import { Link, useParams } from 'react-router';
import { assetQuery } from '../api/queries.ts';
import { LineageSection } from '../lineage/lineage-section.tsx';
import { bytes } from '../ui/format.ts';
import { Loaded } from '../ui/loaded.tsx';
import { Page } from '../ui/page.tsx';
import { RelativeTime } from '../ui/relative-time.tsx';
import { AssetData } from './asset-data.tsx';
import { AssetFacts } from './asset-facts.tsx';
import { AssetMetadata } from './asset-metadata.tsx';
import { AssetNotes } from './asset-notes.tsx';
import { AssetSources } from './asset-sources.tsx';
import { JoinResult } from './join-result.tsx';

/** One version of a dataset. */
export function AssetPage() {
  const { assetId = '' } = useParams();
  const query = useQuery(assetQuery(assetId));
  const asset = query.data;
  const name = asset ? `${asset.dataset_id}, version ${asset.version}` : `Asset ${assetId}`;
  return (
    <Page
      title={name}
      parent={
        asset
          ? { to: `/datasets/${encodeURIComponent(asset.dataset_id)}`, name: asset.dataset_id }
          : { to: '/datasets', name: 'Datasets' }
      }
      actions={
        asset && (
          <>
            {asset.kind !== 'raster' && (
              <Link className="button" to={`/join?${asset.kind === 'tabular' ? 'table' : 'features'}=${asset.id}`}>
                {asset.kind === 'tabular' ? 'Join to features' : 'Join with a table'}
              </Link>
            )}
            <a className="button" data-kind="primary" href={`/api/assets/${asset.id}/download`}>
              Download ({bytes(asset.size_bytes)})
            </a>
          </>
        )
      }
      summary={
        asset && (
          <>
            {asset.kind}, created <RelativeTime time={asset.created_at} />
          </>
        )
      }
    >
      <Loaded query={query}>
        {(data) => (
          <>
            <AssetData asset={data} />
            <LineageSection assetId={data.id} />
            <div className="columns">
              <div className="stack">
                <AssetFacts asset={data} />
                <AssetSources asset={data} />
              </div>
              <div className="stack">
                <AssetNotes asset={data} />
                <JoinResult asset={data} />
                <AssetMetadata asset={data} />
              </div>
            </div>
          </>
        )}
      </Loaded>
    </Page>
  );
}
