import { setTimeout as wait } from 'node:timers/promises';
import type { Env } from '#shared/config/env.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Logger } from '#shared/log/log.ts';
import type { Ledger } from '#shared/ledger/ledger.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';
import { isManifestUpload, eventsOfNotification, listManifestEvents } from '#shared/landing/notifications.ts';
import { nextEvent, resumeRun, listUnarchivedRuns } from '#shared/run-control/resume-run.ts';
import type { Router } from '../router/router.ts';

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
  const events = eventsOfNotification(body).filter((event) => isManifestUpload(event, parts.env.LANDING_BUCKET));
  for (const event of events) await publishUntilStored(event, parts);
}

/**
 * Announces every manifest that lies in the landing zone: what arrived while nobody listened, or was announced to a process that
 * died before it could store the event. A manifest that was announced before is recognized by its content. Returns how many there were.
 */
export async function announceWaiting({ objects, ...parts }: Parts & { objects: ObjectStore }): Promise<number> {
  let found = 0;
  let batch: Promise<void>[] = [];
  for await (const event of listManifestEvents(objects, parts.env.LANDING_BUCKET)) {
    if (parts.signal.aborted) break;
    found += 1;
    batch.push(publishUntilStored(event, parts));
    if (batch.length === SWEEP_CONCURRENCY) {
      await Promise.all(batch);
      batch = [];
    }
  }
  await Promise.all(batch);
  return found;
}

/**
 * Announces what is due in every run that is not over, in case that a process died after it wrote to the ledger and before it could publish
 * (a rerun, a cancel, a run that begins anew). What the queue has heard of already adds nothing.
 */
export async function announceDue({
  ledger,
  ...parts
}: Parts & { ledger: Pick<Ledger, 'listRuns' | 'appendActivity'> }): Promise<void> {
  for await (const run of listUnarchivedRuns(ledger)) {
    if (parts.signal.aborted) return;
    const event = nextEvent(run);
    if (event !== undefined) await resumeRun(run, event, { ledger, publish: (due) => publishUntilStored(due, parts) });
  }
}

async function publishUntilStored(event: SluiceEvent, { router, log, signal }: Parts): Promise<void> {
  while (!signal.aborted) {
    try {
      return await router.publish(event);
    } catch (thrown) {
      const error = asSluiceError(thrown);
      log.warn({ subject: event.subject, error: error.toDocument() }, 'Event:Announce:Failed');
      if (!error.retryable) return;
      await wait(TRY_AGAIN_MS, undefined, { signal }).catch(() => undefined);
    }
  }
}
