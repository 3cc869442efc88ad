import type { CanvasSource } from 'maplibre-gl';
import { useEffect, useState } from 'react';
import type { AssetView } from '../../../../shared/api/views.ts';
import type { MapView } from '../map/messages.ts';
import type { Bbox } from '../map/projection.ts';
import type { MapLibre } from '../map/use-map.ts';
import { remoteFile } from '../worker/remote-asset.ts';
import { WorkerClient } from '../worker/worker-call.ts';
import type { Legend, RasterImage } from './messages.ts';
import type { RasterMethods } from './raster-worker.ts';

export type RasterClient = WorkerClient<RasterMethods>;

export interface OpenedRaster {
  client?: RasterClient;
  legend?: Legend;
  error?: string;
}

/** A worker that has opened the COG, or why it cannot be drawn. */
export function useRasterFile(asset: AssetView): OpenedRaster {
  const [state, setState] = useState<OpenedRaster>({});
  useEffect(() => {
    const { raster, bbox, crs } = asset;
    if (!raster) return;
    const worker = new Worker(new URL('./raster-worker.ts', import.meta.url), { type: 'module' });
    const client: RasterClient = new WorkerClient(worker);
    client.call('open', { file: remoteFile(asset), raster, bbox, crs }).then(
      (legend) => setState({ client, legend }),
      (reason: unknown) => setState({ error: (reason as Error).message }),
    );
    return () => {
      client.terminate();
      setState({});
    };
  }, [asset]);
  return state;
}

const RASTER = 'raster';

/** Shows the part of the raster in each view of the map. Returns the last image. */
export function useRasterView(map: MapLibre | undefined, client: RasterClient | undefined) {
  const [shown, setShown] = useState<{ factor: number; error?: string }>();
  useEffect(() => {
    if (!map || !client) return;
    let current = new AbortController();
    const read = () => {
      current.abort();
      current = new AbortController();
      const { signal } = current;
      client.call('view', viewOf(map), { signal }).then(
        (image) => {
          if (image) showImage(map, image);
          setShown({ factor: image?.factor ?? 1 });
        },
        (reason: unknown) => {
          if (!signal.aborted) setShown({ factor: 1, error: (reason as Error).message });
        },
      );
    };
    read();
    map.on('moveend', read);
    return () => {
      current.abort();
      map.off('moveend', read);
    };
  }, [map, client]);
  return shown;
}

function viewOf(map: MapLibre): MapView {
  const { width, height } = map.getContainer().getBoundingClientRect();
  return { bounds: map.getBounds().toArray().flat() as Bbox, width, height };
}

/** The image has the projection of the map, so its corners place all of its pixels. */
function showImage(map: MapLibre, { pixels, width, height, bounds }: RasterImage): void {
  const [west, south, east, north] = bounds;
  const canvas = document.createElement('canvas');
  [canvas.width, canvas.height] = [width, height];
  canvas.getContext('2d')?.putImageData(new ImageData(pixels, width, height), 0, 0);
  const coordinates: CanvasSource['coordinates'] = [
    [west, north],
    [east, north],
    [east, south],
    [west, south],
  ];
  if (map.getLayer(RASTER)) map.removeLayer(RASTER);
  if (map.getSource(RASTER)) map.removeSource(RASTER);
  map.addSource(RASTER, { type: 'canvas', canvas, coordinates, animate: false });
  const paint = { 'raster-resampling': 'nearest' as const, 'raster-fade-duration': 0 };
  map.addLayer({ id: RASTER, type: 'raster', source: RASTER, paint }, 'borders');
}
