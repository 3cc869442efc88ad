import type { Ledger } from '#shared/ledger/ledger.ts';
import { listManifestEvents } from '#shared/landing/notifications.ts';
import { listUnarchivedRuns, nextEvent, resumeRun } from '#shared/run-control/resume-run.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';
import { type PublishParts, publishWithRetry } from './publish-with-retry.ts';

/** Number of manifests that are published at the same time. */
const CONCURRENCY = 10;

/**
 * Publishes every manifest in the landing zone, for uploads whose notification was lost: no gateway was running, or it
 * ended before it stored the event. A manifest that was published before is detected by its content. Returns their
 * number.
 */
export async function publishWaitingManifests({
  objects,
  ...parts
}: PublishParts & { objects: ObjectStore }): Promise<number> {
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
 * Publishes the next event of every run that is not archived. A process may have ended after it wrote a rerun, a
 * cancellation or a restart to the ledger and before it published the event. An event that was published before has no
 * effect.
 */
export async function publishNextEvents({
  ledger,
  ...parts
}: PublishParts & { ledger: Pick<Ledger, 'listRuns' | 'appendActivity'> }): Promise<void> {
  for await (const run of listUnarchivedRuns(ledger)) {
    if (parts.signal.aborted) return;
    const event = nextEvent(run);
    if (event !== undefined) await resumeRun(run, event, { ledger, publish: (next) => publishWithRetry(next, parts) });
  }
}
