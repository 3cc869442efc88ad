import type { RunView } from '#shared/api/views.ts';
import type { Batch } from './batch.ts';
import { followRun } from './follow-run.ts';
import type { GatewayClient } from './gateway-client.ts';
import type { Progress } from './progress.ts';

/**
 * Uploads the files, then the manifest, and gives the states of the run to its end, or the one of the rejected
 * manifest. Throws what the gateway answers, SLUICE_UNREACHABLE, and the abort of `signal`.
 */
export async function* ingestBatch(
  batch: Batch,
  client: GatewayClient,
  progress: Progress,
  signal: AbortSignal,
): AsyncGenerator<RunView> {
  const total = batch.uploads.reduce((sum, { size }) => sum + size, 0);
  let sent = 0;
  for (const { path, key, size } of batch.uploads) {
    await client.uploadFile(key, path, { signal, onSent: (bytes) => progress.uploading(sent + bytes, total) });
    sent += size;
  }
  await client.uploadText(batch.manifestKey, `${JSON.stringify(batch.manifest, undefined, 2)}\n`, signal);
  progress.uploaded(batch.uploads.length, total);
  for await (const view of followRun(client, eventsPath(batch), signal)) {
    progress.run(view);
    yield view;
  }
}

function eventsPath({ batchId, manifestKey }: Batch): string {
  return `/api/batches/${encodeURIComponent(batchId)}/events?${new URLSearchParams({ manifest_key: manifestKey })}`;
}
