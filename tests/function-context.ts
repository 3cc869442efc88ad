import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { deterministicId, type SluiceEvent } from '#shared/events/event.ts';
import type { Context } from '#shared/runtime/context.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import { eventsOfNotification } from '#shared/landing/notifications.ts';
import { controlVariables, createDatabase, startObjectStore, testEnv } from './servers.ts';

/** The context of a handler, with a new database for the ledger and PostGIS, and a new object store. */
export async function openFunctionContext(variables: Record<string, string> = {}): Promise<Context & AsyncDisposable> {
  const [database, store] = await Promise.all([createDatabase({ postgis: true }), startObjectStore()]);
  const context = await openContext(
    testEnv({
      S3_ENDPOINT: store.endpoint,
      ...controlVariables(database.url),
      POSTGIS_URL: database.url,
      ...variables,
    }),
    SILENT_LOG,
  );
  return {
    ...context,
    [Symbol.asyncDispose]: async () => {
      await context[Symbol.asyncDispose]();
      await Promise.allSettled([store.stop(), database.drop()]);
    },
  };
}

/** The event that the gateway creates from the notification of an upload. The same `upload` gives the same event id. */
export function uploadEvent(key: string, upload: string = randomUUID(), bucket = 'landing-zone'): SluiceEvent {
  const [event] = eventsOfNotification({
    Records: [
      {
        eventName: 's3:ObjectCreated:Put',
        eventSource: 'minio:s3',
        awsRegion: '',
        eventTime: new Date().toISOString(),
        responseElements: { 'x-amz-request-id': deterministicId(upload), 'x-amz-id-2': 'host' },
        s3: { bucket: { name: bucket }, object: { key: encodeURIComponent(key).replaceAll('%20', '+') } },
      },
    ],
  });
  assert(event !== undefined, `The notification of ${key} was not converted to an event.`);
  return event;
}

/** Uploads `files` with arbitrary content, and then the manifest. */
export async function putManifest(
  { objects }: Pick<Context, 'objects'>,
  key: string,
  manifest: unknown,
  files: string[] = [],
): Promise<void> {
  for (const file of files) await objects.put('landing-zone', file, 'data');
  await objects.put(
    'landing-zone',
    key,
    typeof manifest === 'string' || Buffer.isBuffer(manifest) ? manifest : JSON.stringify(manifest),
  );
}

/** A valid manifest with one zipped shapefile. */
export function vectorManifest(batchId: string, fileKey: string, fields: object = {}): Record<string, unknown> {
  return {
    batch_id: batchId,
    uploader: 'zoë',
    intent: 'ingest_vector',
    files: [{ path: `s3://landing-zone/${fileKey}`, type: 'vector', format: 'ESRI Shapefile' }],
    ...fields,
  };
}
