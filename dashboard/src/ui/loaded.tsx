import type { UseQueryResult } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { ErrorNotice } from './notice.tsx';

export interface LoadedProps<T> {
  query: UseQueryResult<T>;
  /** Shown when data was read. It remains visible while a later request fails. */
  children: (data: T) => ReactNode;
}

/** The content of a query: a placeholder until it was read, and the error of the last request. */
export function Loaded<T>({ query, children }: LoadedProps<T>) {
  const { data, error } = query;
  return (
    <>
      {error && <ErrorNotice error={error} />}
      {data !== undefined && children(data)}
      {data === undefined && !error && (
        <p className="loading" role="status">
          Loading…
        </p>
      )}
    </>
  );
}
