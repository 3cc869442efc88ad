import { archiveKeyOf } from '#shared/contracts/object-keys.ts';
import { type ManifestObject, readManifestObject } from '#shared/landing/uploaded-manifest.ts';
import type { ManifestDocument } from '#shared/ledger/documents.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import type { Context } from '#shared/runtime/context.ts';

type Storage = Pick<Context, 'env' | 'log' | 'objects' | 'signal'>;

/** Moves a manifest to the archive and writes the activity. `runId` is null for a rejected manifest. */
export async function archiveManifest(manifestId: string, runId: string | null, context: Context): Promise<void> {
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
    log.warn(
      { manifest_id: manifest._id, manifest_key: manifest.manifest_key, reason: 'the object was replaced or deleted' },
      'Manifest:Archive:FromLedger',
    );
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
