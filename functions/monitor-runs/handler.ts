import { deleteRemovedAssets } from '#shared/assets/remove-assets.ts';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { listManifestEvents } from '#shared/landing/notifications.ts';
import { endLeftoverPrograms } from '#shared/processes/leftover-programs.ts';
import { repairCatalog } from '#shared/reconcile/reconcile.ts';
import { deleteLateUploads, deleteWorkingData } from '#shared/run-control/working-data.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { GRACE_MS, isPublishedAt, MS_PER_MINUTE, resumeRuns } from './resume-runs.ts';

/** An older tick is ignored, because a newer one does the same work. */
const MAX_TICK_AGE_MS = 90_000;

/**
 * Runs once a minute: publishes lost events again, and deletes what crashes left behind. A task that fails is logged
 * and repeated by the next tick.
 */
export const handler: Handler = async (event, context) => {
  const dueAt = dueTime(event);
  if (Date.now() - dueAt > MAX_TICK_AGE_MS) return undefined;
  const tasks: [name: string, run: () => Promise<unknown>][] = [
    ['runs', () => resumeRuns(context, dueAt)],
    ['manifests', () => publishManifests(context, dueAt)],
    ['working data', () => deleteWorkingData(context, { ownPostgis: false })],
    ['programs of ended processes', endLeftoverPrograms],
    ['removed assets', () => deleteRemovedAssets(context)],
  ];
  // Hourly, because they read all runs of a day and list the whole lake.
  if (new Date(dueAt).getUTCMinutes() === 0)
    tasks.push(
      ['late uploads', () => deleteLateUploads(context, context.signal)],
      ['catalog', () => repairCatalog(context, context.signal)],
    );
  for (const [name, run] of tasks) await runTask(name, run, context);
  return undefined;
};

/** The minute at which a tick was due: a PingSource sends its event some time later. */
function dueTime({ time }: SluiceEvent): number {
  return Math.round(Date.parse(time) / MS_PER_MINUTE) * MS_PER_MINUTE;
}

/**
 * Publishes an event for each manifest in the landing zone that was uploaded so long ago that its notification must be
 * lost. A broker delivers every repeat, so it gets an event only after 1, 2, 4, 8, … minutes, and the manifests of runs
 * are left to resumeRuns.
 */
async function publishManifests({ objects, ledger, env, publish, signal }: Context, dueAt: number): Promise<number> {
  const withBroker = env.K_SINK !== undefined;
  const isDue = (uploadedAt: number) =>
    withBroker ? isPublishedAt(dueAt - uploadedAt) : dueAt - uploadedAt >= GRACE_MS;
  const hasUnarchivedRun = async (key: string) =>
    (await ledger.findManifestsByKey(key)).some(({ run_id, archive_key }) => run_id !== null && archive_key === null);
  let published = 0;
  for await (const event of listManifestEvents(objects, env.LANDING_BUCKET, isDue)) {
    signal.throwIfAborted();
    if (withBroker && (await hasUnarchivedRun(event.subject ?? ''))) continue;
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
