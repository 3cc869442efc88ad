import { useCallback, useEffect, useRef } from 'react';
import { useSearchParams } from 'react-router';

export type ParamChanges = Record<string, string | undefined>;

/**
 * Changes parameters of the URL, so that it names what the page shows. Undefined removes a parameter. The browser's
 * history gets no entry, and the function is the same on each render.
 */
export function useChangeParams(): (changes: ParamChanges) => void {
  const [, setParams] = useSearchParams();
  const latest = useRef(setParams);
  useEffect(() => {
    latest.current = setParams;
  }, [setParams]);
  return useCallback((changes: ParamChanges) => {
    const changed = (params: URLSearchParams) => {
      for (const [name, value] of Object.entries(changes)) {
        if (value === undefined) params.delete(name);
        else params.set(name, value);
      }
      return params;
    };
    latest.current(changed, { replace: true, preventScrollReset: true });
  }, []);
}
