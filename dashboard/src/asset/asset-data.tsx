import { lazy, type ReactNode, Suspense, useMemo } from 'react';
import type { AssetView } from '../../../shared/api/views.ts';
import { FeatureAttributes } from './feature-attributes.tsx';
import { useVectorFile } from './map/use-vector-file.ts';
import { AttributeRows } from './table/attribute-rows.tsx';
import { ColumnCards } from './table/column-cards.tsx';
import { useTableFile } from './table/use-table-file.ts';
import { useSelectedRow } from './use-selected-row.ts';
import { remoteFile } from './worker/remote-asset.ts';
import './asset-data.css';

// MapLibre is larger than all other code of the page.
const VectorMap = lazy(() => import('./map/vector-map.tsx'));
const RasterMap = lazy(() => import('./raster/raster-map.tsx'));

/** The data of an asset: the map, the attribute table and the columns, all read from its object. */
export function AssetData({ asset }: { asset: AssetView }) {
  if (asset.kind === 'raster')
    return (
      <MapSection>
        <RasterMap asset={asset} />
      </MapSection>
    );
  return <TableData key={asset.id} asset={asset} />;
}

function MapSection({ children }: { children: ReactNode }) {
  return (
    <section className="card" aria-label="Map of the asset">
      <Suspense fallback={<div className="map map-loading">Loading the map…</div>}>{children}</Suspense>
    </section>
  );
}

interface FeatureMapProps {
  asset: AssetView;
  selected: number | undefined;
  onSelect: (row: number | undefined) => void;
  children: ReactNode;
}

/** Opens the file while the code of the map is loaded. */
function FeatureMap({ asset, children, ...selection }: FeatureMapProps) {
  const file = useMemo(() => remoteFile(asset), [asset]);
  const opened = useVectorFile(file, asset.bbox);
  return (
    <MapSection>
      <div className="map-with-attributes">
        <VectorMap asset={asset} file={opened} {...selection} />
        {children}
      </div>
    </MapSection>
  );
}

function TableData({ asset }: { asset: AssetView }) {
  const [selected, setSelected] = useSelectedRow(asset.row_count);
  const file = useMemo(() => remoteFile(asset), [asset]);
  const opened = useTableFile(file);
  const hasMap = asset.geometry_types.length > 0;
  const select = hasMap ? { onSelect: setSelected } : {};
  return (
    <>
      {hasMap && (
        <FeatureMap asset={asset} selected={selected} onSelect={setSelected}>
          {selected !== undefined && opened && 'client' in opened && (
            <FeatureAttributes {...opened} row={selected} onClose={() => setSelected(undefined)} />
          )}
        </FeatureMap>
      )}
      {opened && 'error' in opened && <p role="alert">{opened.error}</p>}
      {opened && 'client' in opened && (
        <>
          <section className="card" aria-labelledby="attributes-heading">
            <div className="card-head">
              <h2 id="attributes-heading">Attribute table</h2>
            </div>
            <AttributeRows {...opened} selected={selected} {...select} />
          </section>
          <section className="card" aria-labelledby="columns-heading">
            <div className="card-head">
              <h2 id="columns-heading">Columns</h2>
            </div>
            <div className="card-body">
              <ColumnCards {...opened} />
            </div>
          </section>
        </>
      )}
    </>
  );
}
