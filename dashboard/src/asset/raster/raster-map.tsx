import { useEffect, useRef, useState } from 'react';
import type { AssetView } from '../../../../shared/api/views.ts';
import { count } from '../../ui/format.ts';
import { useBboxOutline } from '../map/use-bbox-outline.ts';
import { useMap } from '../map/use-map.ts';
import { useMapColors } from '../map/use-map-colors.ts';
import { useViewInUrl, viewInUrl } from '../map/view-in-url.ts';
import { RAMP_STOPS } from './color-ramp.ts';
import type { Legend, PixelValues } from './messages.ts';
import { useRasterFile, useRasterView } from './use-raster.ts';

const startView = () => viewInUrl();
const noLayers = () => undefined;

/** A raster asset on the base map. A click shows the values of a pixel. */
export default function RasterMap({ asset }: { asset: AssetView }) {
  const container = useRef<HTMLDivElement>(null);
  const colors = useMapColors();
  const { client, legend, error } = useRasterFile(asset);
  const { map, error: mapError } = useMap(container, asset.bbox, colors, noLayers, startView);
  useViewInUrl(map);
  const shown = useRasterView(map, client);
  const [pixel, setPixel] = useState<PixelValues>();
  useBboxOutline(map, error === undefined ? null : asset.bbox, colors);

  useEffect(() => {
    if (!map || !client) return;
    const click = ({ lngLat }: { lngLat: { lng: number; lat: number } }) => {
      client.call('pixel', [lngLat.lng, lngLat.lat]).then(setPixel, () => setPixel(undefined));
    };
    map.on('click', click);
    return () => void map.off('click', click);
  }, [map, client]);

  const problem = mapError ?? error ?? shown?.error;
  return (
    <div className="map-frame">
      <div
        ref={container}
        className="map"
        role="region"
        aria-label="Map of the raster"
        data-complete={shown !== undefined}
      />
      <p className="map-note" role="status">
        {problem ?? viewNote(shown?.factor, pixel, asset)}
        {mapError === undefined && error !== undefined && ' The map shows the bounding box of the asset.'}
      </p>
      {legend && <RasterLegend legend={legend} />}
    </div>
  );
}

function viewNote(factor: number | undefined, pixel: PixelValues | undefined, { raster }: AssetView): string {
  if (factor === undefined) return 'Reading the raster…';
  if (!pixel)
    return factor > 1
      ? `Overview 1:${factor}. Click for the values of a pixel.`
      : 'All pixels. Click one for its values.';
  const values = pixel.values.map((value, index) => {
    const { description, unit } = raster?.bands[index] ?? {};
    const name = description ?? `band ${index + 1}`;
    return `${name}: ${value === null ? 'no data' : `${value}${unit === undefined ? '' : ` ${unit}`}`}`;
  });
  return `Column ${count(pixel.column)}, row ${count(pixel.row)}: ${values.join(', ')}`;
}

function RasterLegend({ legend }: { legend: Legend }) {
  if (legend.kind !== 'ramp') return null;
  const text = (value: number) => `${Number(value.toPrecision(4))}${legend.unit === '' ? '' : ` ${legend.unit}`}`;
  return (
    <p className="raster-legend">
      <span className="muted">{legend.band}</span>
      <span>{text(legend.low)}</span>
      <svg viewBox={`0 0 ${RAMP_STOPS.length} 1`} preserveAspectRatio="none" aria-hidden="true">
        {RAMP_STOPS.map((color, index) => (
          <rect key={color} x={index} width={1.02} height={1} fill={color} />
        ))}
      </svg>
      <span>{text(legend.high)}</span>
    </p>
  );
}
