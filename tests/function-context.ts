import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { deterministicId, type SluiceEvent } from '#shared/events/event.ts';
import type { Context } from '#shared/runtime/context.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import { openContext } from '#shared/runtime/make-context.ts';
import { eventsOfNotification } from '#shared/landing/notifications.ts';
import { createDatabase, startObjectStore, testEnv } from './servers.ts';

/** What a handler gets, on a real ledger, PostGIS and object store of its own. */
export async function openFunctionContext(variables: Record<string, string> = {}): Promise<Context & AsyncDisposable> {
  const [database, store] = await Promise.all([createDatabase({ postgis: true }), startObjectStore()]);
  const context = await openContext(
    testEnv({
      S3_ENDPOINT: store.endpoint,
      CONTROL_DATABASE_URL: database.url,
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

/** The event of an upload, as the gateway makes it of a notification. The same `upload` is the same notification. */
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
  assert(event !== undefined, `No event for ${key}.`);
  return event;
}

/** Puts a manifest into the landing zone, and the files that it names when `files` is given. */
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

/** A valid manifest of one zipped shapefile. */
export function vectorManifest(batchId: string, fileKey: string, fields: object = {}): Record<string, unknown> {
  return {
    batch_id: batchId,
    uploader: 'zoë',
    intent: 'ingest_vector',
    files: [{ path: `s3://landing-zone/${fileKey}`, type: 'vector', format: 'ESRI Shapefile' }],
    ...fields,
  };
}
