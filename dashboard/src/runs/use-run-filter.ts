import { useSearchParams } from 'react-router';
import type { RunFilter } from '../api/queries.ts';

const FIELDS = ['status', 'lane', 'dataset_id', 'batch_id', 'text', 'since', 'until'] as const;
export type FilterField = (typeof FIELDS)[number];

/** The filter of the URL. A change starts at the first page. */
export function useRunFilter() {
  const [params, setParams] = useSearchParams();
  const filter: RunFilter = {};
  for (const field of FIELDS) {
    const value = params.get(field);
    if (value !== null && value !== '') filter[field] = value;
  }
  return {
    filter,
    isFiltered: Object.keys(filter).length > 0,
    change: (field: FilterField, value: string) =>
      setParams(
        (current) => {
          if (value === '') current.delete(field);
          else current.set(field, value);
          current.delete('page');
          return current;
        },
        { replace: true },
      ),
    clear: () => setParams({}),
  };
}
