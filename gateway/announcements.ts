import { setTimeout as wait } from 'node:timers/promises';
import type { Env } from '#shared/config/env.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Logger } from '#shared/log/log.ts';
import type { ObjectHead, ObjectStore } from '#shared/storage/object-store.ts';
import { announcesManifest, eventsOfNotification } from './notifications.ts';
import type { Router } from './router/router.ts';

/** While the queue does not answer, how often an announcement is tried again. A restart finds the manifest in any case. */
const TRY_AGAIN_MS = 1_000;
/** Manifests of the sweep that are published at once. */
const SWEEP_CONCURRENCY = 10;

interface Parts {
  env: Env;
  router: Pick<Router, 'publish'>;
  log: Logger;
  /** Ends the tries. */
  signal: AbortSignal;
}

/** Publishes what a notification of the embedded store announces. Never rejects: what cannot be stored now is tried again until `signal` aborts. */
export async function announce(body: unknown, parts: Parts): Promise<void> {
  const events = eventsOfNotification(body).filter((event) => announcesManifest(event, parts.env.LANDING_BUCKET));
  for (const event of events) await publishUntilStored(event, parts);
}

/**
 * Announces every manifest that lies in the landing zone: what arrived while nobody listened, or was announced to a process that
 * died before it could store the event. A manifest that was announced before is recognised by its content. Returns how many there were.
 */
export async function announceWaiting({ objects, ...parts }: Parts & { objects: ObjectStore }): Promise<number> {
  let found = 0;
  let batch: Promise<void>[] = [];
  for await (const object of objects.list(parts.env.LANDING_BUCKET, 'manifests/')) {
    if (parts.signal.aborted) break;
    found += 1;
    batch.push(announce(sweepNotification(parts.env.LANDING_BUCKET, object), parts));
    if (batch.length === SWEEP_CONCURRENCY) {
      await Promise.all(batch);
      batch = [];
    }
  }
  await Promise.all(batch);
  return found;
}

/** An S3 notification as the store would send it, without ids of a request: the event's id comes from bucket, key, ETag and time of the upload. */
export function sweepNotification(bucket: string, { key, etag, size, modified }: Pick<ObjectHead, 'key' | 'etag' | 'size' | 'modified'>): unknown {
  const escaped = encodeURIComponent(key).replaceAll('%20', '+');
  return {
    Records: [{
      eventVersion: '2.0', eventSource: 'sluice:sweep', eventName: 's3:ObjectCreated:Put', eventTime: new Date().toISOString(),
      s3: { bucket: { name: bucket }, object: { key: escaped, eTag: etag, size, sequencer: modified } },
    }],
  };
}

async function publishUntilStored(event: SluiceEvent, { router, log, signal }: Parts): Promise<void> {
  while (!signal.aborted) {
    try {
      return await router.publish(event);
    } catch (thrown) {
      const error = asSluiceError(thrown);
      log.warn({ subject: event.subject, error: error.toDocument() }, 'Manifest:Announce:Failed');
      if (!error.retryable) return;
      await wait(TRY_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
