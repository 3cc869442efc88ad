import { useSyncExternalStore } from 'react';

/** As in the style sheets. */
const NARROW = matchMedia('(max-width: 760px)');

/** True on a narrow screen, also after its width has changed. */
export function useIsNarrow(): boolean {
  return useSyncExternalStore(subscribe, () => NARROW.matches);
}

function subscribe(changed: () => void): () => void {
  NARROW.addEventListener('change', changed);
  return () => NARROW.removeEventListener('change', changed);
}
