import { setTimeout as sleep } from 'node:timers/promises';
import type { Env } from '#shared/config/env.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { eventsOfNotification, isManifestUpload, listManifestEvents } from '#shared/landing/notifications.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { Logger } from '#shared/log/log.ts';
import { listUnarchivedRuns, nextEvent, resumeRun } from '#shared/run-control/resume-run.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';
import type { Router } from '../router/router.ts';

/**
 * Delay of a retry while the database is unavailable. If the process ends first, the next start publishes the event.
 */
const RETRY_MS = 1_000;
/** Manifests that are published concurrently. */
const CONCURRENCY = 10;

interface Parts {
  env: Env;
  router: Pick<Router, 'publish'>;
  log: Logger;
  /** Ends the retries. */
  signal: AbortSignal;
}

/** Publishes the uploaded manifests of a notification of the embedded store. Never rejects. */
export async function publishUploads(notification: unknown, parts: Parts): Promise<void> {
  for (const event of eventsOfNotification(notification))
    if (isManifestUpload(event, parts.env.LANDING_BUCKET)) await publishWithRetry(event, parts);
}

/**
 * Publishes every manifest in the landing zone, for uploads whose notification was lost: no gateway was running, or it
 * died before it stored the event. A manifest that was published before is detected by its content. Returns their
 * number.
 */
export async function publishWaitingManifests({
  objects,
  ...parts
}: Parts & { objects: ObjectStore }): Promise<number> {
  let found = 0;
  let pending: Promise<void>[] = [];
  for await (const event of listManifestEvents(objects, parts.env.LANDING_BUCKET)) {
    if (parts.signal.aborted) break;
    found += 1;
    pending.push(publishWithRetry(event, parts));
    if (pending.length === CONCURRENCY) {
      await Promise.all(pending);
      pending = [];
    }
  }
  await Promise.all(pending);
  return found;
}

/**
 * Publishes the next event of every run that is not archived. A process may have died after it wrote a rerun, a
 * cancellation or a restart to the ledger and before it published the event. An event that was published before has no
 * effect.
 */
export async function publishNextEvents({
  ledger,
  ...parts
}: Parts & { ledger: Pick<Ledger, 'listRuns' | 'appendActivity'> }): Promise<void> {
  for await (const run of listUnarchivedRuns(ledger)) {
    if (parts.signal.aborted) return;
    const event = nextEvent(run);
    if (event !== undefined) await resumeRun(run, event, { ledger, publish: (next) => publishWithRetry(next, parts) });
  }
}

/** Retries transient errors until the signal aborts. A permanent error is logged. */
async function publishWithRetry(event: SluiceEvent, { router, log, signal }: Parts): Promise<void> {
  while (!signal.aborted) {
    try {
      return await router.publish(event);
    } catch (thrown) {
      const error = asSluiceError(thrown);
      log.warn({ subject: event.subject, error: error.toDocument() }, 'Event:Publish:Failed');
      if (!error.retryable) return;
      await sleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
