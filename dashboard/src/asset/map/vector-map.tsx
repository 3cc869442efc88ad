import { useEffect, useRef } from 'react';
import type { AssetView } from '../../../../shared/api/views.ts';
import { addFeatureLayers, CLICKABLE, showSelected } from './feature-layers.ts';
import type { FeatureProperties } from './messages.ts';
import { useMap } from './use-map.ts';
import { useMapColors } from './use-map-colors.ts';
import type { VectorFile } from './use-vector-file.ts';
import { useViewFeatures } from './use-view-features.ts';
import { useViewInUrl, viewInUrl } from './view-in-url.ts';
import { viewNote } from './view-note.ts';
import { useBboxOutline } from './use-bbox-outline.ts';

interface VectorMapProps {
  asset: AssetView;
  file: VectorFile;
  /** The row of the selected feature. */
  selected: number | undefined;
  onSelect: (row: number | undefined) => void;
}

const startView = () => viewInUrl();
/** Pixels around a click in which a feature is found. */
const CLICK_PIXELS = 4;

/** The features of a vector asset on the base map. */
export default function VectorMap({ asset, file, selected, onSelect }: VectorMapProps) {
  const container = useRef<HTMLDivElement>(null);
  const colors = useMapColors();
  const { client, error } = file;
  const { map, error: mapError } = useMap(container, asset.bbox, colors, addFeatureLayers, startView);
  useViewInUrl(map);
  const view = useViewFeatures(map, client);
  useBboxOutline(map, error === undefined ? null : asset.bbox, colors);

  useEffect(() => {
    if (map) showSelected(map, selected);
  }, [map, selected]);

  useEffect(() => {
    if (!map) return;
    const at = ({ point: { x, y } }: { point: { x: number; y: number } }) =>
      map.queryRenderedFeatures(
        [
          [x - CLICK_PIXELS, y - CLICK_PIXELS],
          [x + CLICK_PIXELS, y + CLICK_PIXELS],
        ],
        { layers: CLICKABLE },
      )[0]?.properties as FeatureProperties | undefined;
    const click = (event: Parameters<typeof at>[0]) => onSelect(at(event)?.row);
    const move = (event: Parameters<typeof at>[0]) => {
      map.getCanvas().style.cursor = at(event) ? 'pointer' : '';
    };
    map.on('click', click);
    map.on('mousemove', move);
    return () => {
      map.off('click', click);
      map.off('mousemove', move);
    };
  }, [map, onSelect]);

  return (
    <div className="map-frame">
      <div
        ref={container}
        className="map"
        role="region"
        aria-label="Map of the features"
        data-drawn={view?.drawn}
        data-complete={view?.isPainted ?? false}
      />
      <p className="map-note" role="status">
        {mapError ?? error ?? view?.error ?? viewNote(view)}
        {mapError === undefined && error !== undefined && ' The map shows the bounding box of the asset.'}
      </p>
    </div>
  );
}
