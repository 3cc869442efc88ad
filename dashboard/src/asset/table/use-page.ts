import { useEffect, useState } from 'react';
import type { PageQuery, TablePage } from './messages.ts';
import type { TableClient } from './use-table-file.ts';

export interface LoadedPage {
  page?: TablePage;
  error?: string;
  /** The shown page is not the one of the query yet. */
  isLoading: boolean;
}

/** A page of the table. While another one is read, the last one is shown. */
export function usePage(client: TableClient, query: PageQuery): LoadedPage {
  const [loaded, setLoaded] = useState<{ key: string; page?: TablePage; error?: string }>();
  const key = JSON.stringify(query);
  useEffect(() => {
    const controller = new AbortController();
    client.call('page', JSON.parse(key) as PageQuery, { signal: controller.signal }).then(
      (page) => setLoaded({ key, page }),
      (reason: unknown) => {
        if (!controller.signal.aborted) setLoaded({ key, error: (reason as Error).message });
      },
    );
    return () => controller.abort();
  }, [client, key]);
  return { ...loaded, isLoading: loaded?.key !== key };
}
