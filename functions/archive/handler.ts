import { deleteRemovedAssets, deleteUnregisteredObjects } from '#shared/assets/remove-assets.ts';
import { datasetsOfRun } from '#shared/assets/run-datasets.ts';
import { usesPostgis } from '#shared/contracts/lanes.ts';
import { archiveKeyOf } from '#shared/contracts/object-keys.ts';
import { parseEventData, parseRunId } from '#shared/events/event.ts';
import { type ManifestObject, readManifestObject } from '#shared/landing/uploaded-manifest.ts';
import type { ManifestDocument, RunDocument } from '#shared/ledger/documents.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import { endManifestOfRun, recordCancellation, recordSuccess } from '#shared/run-control/end-run.ts';
import type { Context, Handler } from '#shared/runtime/context.ts';
import { withClaim } from '#shared/runtime/with-claim.ts';
import { writeOpenLineage } from '#shared/catalog/openlineage.ts';

/**
 * Archives the manifest of an ended run, or a rejected manifest, and deletes the working data of the run. See
 * README.md.
 */
export const handler: Handler = async (event, context) => {
  if (event.type === 'sluice.manifest.rejected') {
    const { manifest_id } = parseEventData(event, 'sluice.manifest.rejected');
    // The manifest of a run is archived after the end of the run, by the event of that end.
    const manifest = await context.ledger.getManifest(manifest_id);
    if (manifest?.run_id != null)
      context.log.warn({ manifest_id, run_id: manifest.run_id }, 'Event:Check:ManifestHasRun');
    else await archiveManifest(manifest_id, null, context);
    return undefined;
  }
  const run_id = parseRunId(event, 'sluice.run.succeeded', 'sluice.run.failed', 'sluice.run.canceled');
  return withClaim(context, { runId: run_id, step: 'archive', event }, async ({ run, signal }) => {
    await recordEnd(run, context);
    await archiveManifest(run.manifest_id, run_id, { ...context, signal });
    await dropSchema(run, context);
    await finishAssets(run, context);
    await deleteUnregisteredObjects(run, context);
    await writeOpenLineage(run, context);
    return undefined;
  });
};

/** A schema on a server that POSTGIS_URL does not contain any more cannot be dropped. */
async function dropSchema(
  { run_id, lane, placement }: RunDocument,
  { postgis, log }: Pick<Context, 'postgis' | 'log'>,
): Promise<void> {
  if (!usesPostgis(lane)) return;
  if (placement === undefined || postgis.servers.some(({ name }) => name === placement.server))
    return postgis.dropSchema(run_id, placement?.server);
  log.warn({ run_id, server: placement.server }, 'Schema:Drop:ServerRemoved');
}

/** The records of the end of the run, whose writer may have crashed before it wrote them. */
function recordEnd(run: RunDocument, context: Context): Promise<void> {
  if (run.status === 'canceled') return recordCancellation(context.ledger, run);
  if (run.status === 'success') return recordSuccess(run.run_id, context);
  return endManifestOfRun(context.ledger, run);
}

/**
 * Removes the assets of a failed or canceled run, which are incomplete. Then deletes all removed assets of the datasets
 * of the run, including those that an earlier run did not delete because it crashed.
 */
async function finishAssets(
  run: RunDocument,
  context: Pick<Context, 'ledger' | 'objects' | 'env' | 'log'>,
): Promise<void> {
  const { ledger } = context;
  const removed =
    run.status === 'success' || run.asset_ids.length === 0 ? [] : await ledger.removeUnfinishedAssets(run.run_id);
  const assets = await ledger.getAssets(run.asset_ids);
  const datasets = new Set([
    ...datasetsOfRun(run),
    ...removed.map(({ dataset_id }) => dataset_id),
    ...assets.map(({ dataset_id }) => dataset_id),
  ]);
  for (const dataset of datasets) await deleteRemovedAssets(context, dataset);
}

type Storage = Pick<Context, 'env' | 'log' | 'objects' | 'signal'>;

/** Moves a manifest to the archive and writes the activity. `runId` is null for a rejected manifest. */
async function archiveManifest(manifestId: string, runId: string | null, context: Context): Promise<void> {
  const { ledger, log } = context;
  const manifest = await ledger.getManifest(manifestId);
  if (manifest === undefined) {
    log.warn({ manifest_id: manifestId, run_id: runId }, 'Manifest:Archive:Unknown');
    return;
  }
  const { manifest_key } = manifest;
  const archive_key = await moveToArchive(manifest, context);
  await ledger.appendActivity(
    activityOf(
      {
        activity: 'manifest_archived',
        operator: SLUICE_OPERATOR,
        run_id: runId,
        batch_id: manifest.batch_id ?? manifest.claimed_batch_id,
        message: `${manifest_key} was moved to ${archive_key}.`,
        details: { manifest_key, archive_key },
      },
      manifest._id,
    ),
  );
  log.info({ manifest_key, archive_key, run_id: runId }, 'Manifest:Archive:Done');
}

/**
 * Moves a manifest and returns its key in the archive. It makes three writes: put, delete, and the mark in the
 * ledger. After a crash between them, a repeat recognizes the archived object by its hash and continues. A newer
 * manifest under the same key is not touched. Another manifest in the archive is kept, and this one is stored beside
 * it.
 */
async function moveToArchive(manifest: ManifestDocument, context: Storage & Pick<Context, 'ledger'>): Promise<string> {
  if (manifest.archive_key !== null) return manifest.archive_key;
  const uploaded = await read(manifest.manifest_key, context);
  const isUnchanged = uploaded?.sha256 === manifest.sha256;
  const target = await chooseTarget(manifest, context);
  if (!target.isWritten) await write(manifest, isUnchanged ? uploaded : undefined, target.key, context);
  if (isUnchanged) await deleteIfUnchanged(manifest, context);
  await context.ledger.markManifestArchived(manifest._id, target.key);
  return target.key;
}

/** The archive keys that a manifest can have: the usual one, and one that contains its id. */
function archiveKeys({ _id, manifest_key }: ManifestDocument): [usual: string, withId: string] {
  return [archiveKeyOf(manifest_key), archiveKeyOf(manifest_key, _id)];
}

async function chooseTarget(
  manifest: ManifestDocument,
  context: Storage,
): Promise<{ key: string; isWritten: boolean }> {
  const [usual, withId] = archiveKeys(manifest);
  const archived = await read(usual, context);
  if (archived === undefined) return { key: usual, isWritten: false };
  if (archived.sha256 === manifest.sha256) return { key: usual, isWritten: true };
  return { key: withId, isWritten: (await read(withId, context))?.sha256 === manifest.sha256 };
}

async function write(
  manifest: ManifestDocument,
  uploaded: ManifestObject | undefined,
  archiveKey: string,
  { objects, env, log }: Storage,
): Promise<void> {
  if (uploaded?.tooLarge) return objects.copy(env.LANDING_BUCKET, manifest.manifest_key, archiveKey);
  if (uploaded === undefined)
    log.warn({ manifest_id: manifest._id, manifest_key: manifest.manifest_key }, 'Manifest:Archive:ObjectReplaced');
  // Write the bytes that were read, because a copy could read an object that replaced it since. If it was replaced
  // before, only the text in the ledger is left.
  const body = uploaded?.bytes ?? manifest.raw ?? JSON.stringify(manifest.body, undefined, 2);
  await objects.put(env.LANDING_BUCKET, archiveKey, body, { contentType: 'application/json' });
}

/**
 * Deletes the uploaded manifest. S3 has no conditional delete, so the object is read again immediately before. A newer
 * upload can be lost only if it arrives between the two requests.
 */
async function deleteIfUnchanged({ manifest_key, sha256 }: ManifestDocument, context: Storage): Promise<void> {
  const current = await read(manifest_key, context);
  if (current?.sha256 === sha256) await context.objects.delete(context.env.LANDING_BUCKET, manifest_key);
}

function read(key: string, { objects, env, signal }: Storage): Promise<ManifestObject | undefined> {
  return readManifestObject(objects, env.LANDING_BUCKET, key, signal);
}
