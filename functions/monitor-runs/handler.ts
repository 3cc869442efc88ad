import { deleteRemovedAssets } from '#shared/assets/remove-assets.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { listManifestEvents } from '#shared/landing/notifications.ts';
import { endLeftoverPrograms } from '#shared/processes/leftover-programs.ts';
import { repairCatalog } from '#shared/reconcile/reconcile.ts';
import { deleteLateUploads, deleteWorkingData } from '#shared/run-control/working-data.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { GRACE_MS, resumeRuns } from './resume-runs.ts';

/** An older tick is ignored, because a newer one does the same work. */
const MAX_TICK_AGE_MS = 90_000;

/**
 * Repairs the consequences of crashes and lost messages, once a minute. A task that fails is logged and repeated by the
 * next tick.
 */
export const handler: Handler = async (event, context) => {
  const dueAt = new Date(event.time);
  if (Date.now() - dueAt.getTime() > MAX_TICK_AGE_MS) return undefined;
  const tasks: [name: string, run: () => Promise<unknown>][] = [
    ['runs', () => resumeRuns(context)],
    ['manifests', () => publishManifests(context)],
    ['working data', () => deleteWorkingData(context, { ownPostgis: false })],
    ['programs of dead processes', endLeftoverPrograms],
    ['removed assets', () => deleteRemovedAssets(context)],
  ];
  // Hourly, because they read all runs of a day and list the whole lake.
  if (dueAt.getUTCMinutes() === 0)
    tasks.push(
      ['late uploads', () => deleteLateUploads(context, context.signal)],
      ['catalog', () => repairCatalog(context, context.signal)],
    );
  for (const [name, run] of tasks) await runTask(name, run, context);
  return undefined;
};

/**
 * Publishes an event for each manifest in the landing zone that was uploaded so long ago that its notification must be
 * lost.
 */
async function publishManifests({ objects, env, publish, signal }: Context): Promise<number> {
  const uploadedBefore = new Date(Date.now() - GRACE_MS);
  let published = 0;
  for await (const event of listManifestEvents(objects, env.LANDING_BUCKET, { uploadedBefore })) {
    signal.throwIfAborted();
    await publish(event);
    published += 1;
  }
  return published;
}

async function runTask(name: string, run: () => Promise<unknown>, { log }: Context): Promise<void> {
  try {
    log.debug({ task: name, result: await run() }, 'Task:Execute:Done');
  } catch (thrown) {
    log.error({ task: name, error: asSluiceError(thrown).toDocument() }, 'Task:Execute:Failed');
  }
}
