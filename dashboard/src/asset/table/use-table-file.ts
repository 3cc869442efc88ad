import { useEffect, useState } from 'react';
import type { RemoteFile } from '../worker/ranged-file.ts';
import { WorkerClient } from '../worker/worker-call.ts';
import type { OpenedTable } from './messages.ts';
import type { TableMethods } from './table-worker.ts';

export type TableClient = WorkerClient<TableMethods>;

export type TableFile = { client: TableClient; table: OpenedTable } | { error: string } | undefined;

/** A worker that has opened the Parquet file of an asset. Undefined while it opens the file. */
export function useTableFile({ url, size, etag }: RemoteFile): TableFile {
  const [state, setState] = useState<TableFile>();
  useEffect(() => {
    const worker = new Worker(new URL('./table-worker.ts', import.meta.url), { type: 'module' });
    const client: TableClient = new WorkerClient(worker);
    client.call('open', { url, size, etag }).then(
      (table) => setState({ client, table }),
      (reason: unknown) => setState({ error: (reason as Error).message }),
    );
    return () => {
      client.terminate();
      setState(undefined);
    };
  }, [url, size, etag]);
  return state;
}
