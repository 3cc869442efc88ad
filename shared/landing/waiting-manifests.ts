import { MANIFESTS_PREFIX } from '#shared/contracts/object-keys.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { ObjectHead, ObjectStore } from '#shared/storage/object-store.ts';
import { announcesManifest, eventsOfNotification } from './notifications.ts';

/**
 * The event of each manifest that lies in the landing zone, in the order of their keys: for those that no notification announced. One
 * that was announced so before has the same id; one that a notification of the store announced is known by its content when it is read.
 */
export async function* waitingManifests(
  objects: Pick<ObjectStore, 'list'>,
  landingBucket: string,
  options: { uploadedBefore?: Date } = {},
): AsyncGenerator<SluiceEvent> {
  const latest = options.uploadedBefore?.getTime() ?? Number.POSITIVE_INFINITY;
  for await (const object of objects.list(landingBucket, MANIFESTS_PREFIX)) {
    if (Date.parse(object.modified) > latest) continue;
    yield* eventsOfNotification(sweepNotification(landingBucket, object)).filter((event) =>
      announcesManifest(event, landingBucket),
    );
  }
}

/** An S3 notification as the store would send it, without ids of a request: the event's id comes from bucket, key, ETag and time of the upload. */
export function sweepNotification(
  bucket: string,
  { key, etag, size, modified }: Pick<ObjectHead, 'key' | 'etag' | 'size' | 'modified'>,
): unknown {
  const escaped = encodeURIComponent(key).replaceAll('%20', '+');
  return {
    Records: [
      {
        eventVersion: '2.0',
        eventSource: 'sluice:sweep',
        eventName: 's3:ObjectCreated:Put',
        eventTime: new Date().toISOString(),
        s3: { bucket: { name: bucket }, object: { key: escaped, eTag: etag, size, sequencer: modified } },
      },
    ],
  };
}
