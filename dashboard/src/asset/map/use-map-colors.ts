import { useEffect, useState } from 'react';
import { type MapColors, mapColors } from './base-map.ts';

/** The colors of the map, also after the color scheme has changed. */
export function useMapColors(): MapColors {
  const [colors, setColors] = useState(mapColors);
  useEffect(() => {
    const update = () => setColors(mapColors());
    const scheme = matchMedia('(prefers-color-scheme: dark)');
    const chosen = new MutationObserver(update);
    chosen.observe(document.documentElement, { attributeFilter: ['data-theme'] });
    scheme.addEventListener('change', update);
    return () => {
      chosen.disconnect();
      scheme.removeEventListener('change', update);
    };
  }, []);
  return colors;
}
