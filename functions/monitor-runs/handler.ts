import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { mendCatalog } from '#shared/reconcile/repair-catalog.ts';
import { finishRemovals } from '#shared/assets/purge.ts';
import { waitingManifests } from '#shared/landing/waiting-manifests.ts';
import { recover, sweepLateUploads } from '#shared/run-control/leftovers.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { reviveRuns } from './revive-runs.ts';
import { SETTLED_AFTER_MS } from './run-verdict.ts';

/** A tick that waited so long in the queue is followed by a newer one, which does the same. */
const STALE_AFTER_MS = 90_000;

/** Mends what crashes and lost messages left behind, once a minute. Parts do not need each other: one that fails is logged, and tried with the next tick. */
export const handler: Handler = async (event, context) => {
  const due = new Date(event.time);
  if (Date.now() - due.getTime() > STALE_AFTER_MS) return undefined;
  const parts: [string, () => Promise<unknown>][] = [
    ['runs', () => reviveRuns(context)],
    ['manifests', () => announceManifests(context)],
    ['leftovers', () => recover(context, { ownPostgis: false })],
    ['removals', () => finishRemovals(context)],
  ];
  // These look at every run of a day, and at the whole lake.
  if (due.getUTCMinutes() === 0)
    parts.push(
      ['late uploads', () => sweepLateUploads(context, context.signal)],
      ['catalog', () => mendCatalog(context, context.signal)],
    );
  for (const [part, work] of parts) await attempt(part, work, context);
  return undefined;
};

/** Announces manifests that lie in the landing zone for longer than their notification takes. */
async function announceManifests({ objects, env, publish, signal }: Context): Promise<number> {
  let announced = 0;
  for await (const event of waitingManifests(objects, env.LANDING_BUCKET, {
    uploadedBefore: new Date(Date.now() - SETTLED_AFTER_MS),
  })) {
    signal.throwIfAborted();
    await publish(event);
    announced += 1;
  }
  return announced;
}

async function attempt(part: string, work: () => Promise<unknown>, { log }: Context): Promise<void> {
  try {
    log.debug({ part, result: await work() }, 'Monitor:Part:Done');
  } catch (thrown) {
    log.error({ part, error: asSluiceError(thrown).toDocument() }, 'Monitor:Part:Failed');
  }
}
