import { useEffect, useState } from 'react';
import { showFeatures } from './feature-layers.ts';
import type { MapView, ViewFeatures } from './messages.ts';
import type { Bbox } from './projection.ts';
import type { MapLibre } from './use-map.ts';
import type { VectorClient } from './use-vector-file.ts';

export interface ShownView extends Omit<ViewFeatures, 'features' | 'unread'> {
  drawn: number;
  /** The map has drawn all features that the worker selected. */
  isPainted: boolean;
  error?: string;
}

/** Shows the features of each view of the map. Returns what the last view contains. */
export function useViewFeatures(map: MapLibre | undefined, client: VectorClient | undefined): ShownView | undefined {
  const [view, setView] = useState<ShownView>();
  useEffect(() => {
    if (!map || !client) return;
    let current = new AbortController();
    const show = (part: ViewFeatures) => {
      const { features, unread: _, ...rest } = part;
      showFeatures(map, part);
      setView({ ...rest, drawn: features.length, isPainted: false });
    };
    const painted = () => setView((last) => (last?.complete && !last.isPainted ? { ...last, isPainted: true } : last));
    const read = () => {
      const next = viewOf(map);
      if (next === undefined) return;
      current.abort();
      current = new AbortController();
      const { signal } = current;
      client.call('features', next, { signal, onPart: show }).catch((reason: unknown) => {
        if (!signal.aborted) setView((last) => last && { ...last, error: (reason as Error).message });
      });
    };
    read();
    map.on('moveend', read);
    map.on('idle', painted);
    return () => {
      current.abort();
      map.off('moveend', read);
      map.off('idle', painted);
    };
  }, [map, client]);
  return view;
}

/** Undefined while the map is hidden: then MapLibre assumes a size of 400 by 300 pixels. */
function viewOf(map: MapLibre): MapView | undefined {
  const { width, height } = map.getContainer().getBoundingClientRect();
  if (width === 0 || height === 0) return undefined;
  return { bounds: map.getBounds().toArray().flat() as Bbox, width, height };
}
