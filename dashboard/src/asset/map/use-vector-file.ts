import { useEffect, useState } from 'react';
import type { RemoteFile } from '../worker/ranged-file.ts';
import { WorkerClient } from '../worker/worker-call.ts';
import type { Bbox } from './projection.ts';
import type { VectorMethods } from './vector-worker.ts';

export type VectorClient = WorkerClient<VectorMethods>;

export interface VectorFile {
  client?: VectorClient;
  error?: string;
}

/** A worker that has opened the file, or why the file cannot be drawn. */
export function useVectorFile({ url, size, etag }: RemoteFile, bbox: Bbox | null): VectorFile {
  const [state, setState] = useState<VectorFile>({});
  const box = bbox?.join();
  useEffect(() => {
    const worker = new Worker(new URL('./vector-worker.ts', import.meta.url), { type: 'module' });
    const client: VectorClient = new WorkerClient(worker);
    const opened = client.call('open', {
      file: { url, size, etag },
      bbox: box === undefined ? null : (box.split(',').map(Number) as Bbox),
    });
    opened.then(
      () => setState({ client }),
      (reason: unknown) => setState({ error: (reason as Error).message }),
    );
    return () => {
      client.terminate();
      setState({});
    };
  }, [url, size, etag, box]);
  return state;
}
