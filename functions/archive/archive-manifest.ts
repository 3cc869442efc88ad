import type { ManifestDocument } from '#shared/ledger/documents.ts';
import { type ManifestObject, readManifestObject } from '#shared/landing/manifest-object.ts';
import type { Context } from '#shared/runtime/context.ts';
import { archiveKeyOf } from '#shared/contracts/object-keys.ts';

type Storage = Pick<Context, 'env' | 'log' | 'objects' | 'signal'>;

/**
 * Moves a manifest to the archive and returns its key there. Write, delete and mark are three writes; a repeat after a crash
 * between them finds the written object by its hash and goes on from there. A newer manifest under the same key stays where it
 * is, and another one in the archive is kept: this one is put beside it.
 */
export async function archiveManifest(
  manifest: ManifestDocument,
  context: Storage & Pick<Context, 'ledger'>,
): Promise<string> {
  if (manifest.archive_key !== null) return manifest.archive_key;
  const { manifest_key } = manifest;
  const landed = await read(manifest_key, context);
  const isOurs = landed?.sha256 === manifest.sha256;
  const place = await findPlace(manifest, context);
  if (!place.holdsIt) await write(manifest, isOurs ? landed : undefined, place.key, context);
  if (isOurs) await removeUnchanged(manifest, context);
  await context.ledger.markManifestArchived(manifest._id, place.key);
  return place.key;
}

/** Where manifests with this key go, the usual place first. The second is of this manifest alone. */
export function archivePlaces({
  _id,
  manifest_key,
}: Pick<ManifestDocument, '_id' | 'manifest_key'>): [usual: string, beside: string] {
  return [archiveKeyOf(manifest_key), archiveKeyOf(manifest_key, _id)];
}

async function findPlace(manifest: ManifestDocument, context: Storage): Promise<{ key: string; holdsIt: boolean }> {
  const [usual, beside] = archivePlaces(manifest);
  const there = await read(usual, context);
  if (there === undefined || there.sha256 === manifest.sha256) return { key: usual, holdsIt: there !== undefined };
  return { key: beside, holdsIt: (await read(beside, context))?.sha256 === manifest.sha256 };
}

async function write(
  manifest: ManifestDocument,
  landed: ManifestObject | undefined,
  archiveKey: string,
  { objects, env, log }: Storage,
): Promise<void> {
  if (landed?.tooLarge) return objects.copy(env.LANDING_BUCKET, manifest.manifest_key, archiveKey);
  if (landed === undefined)
    log.warn({ manifest_id: manifest._id, manifest_key: manifest.manifest_key }, 'Manifest:Archive:ReplacedByUser');
  // The bytes that were read, not a copy of the object: it may have been replaced since. When it was before, the ledger's text is what is left.
  const body = landed?.bytes ?? manifest.raw ?? JSON.stringify(manifest.body, undefined, 2);
  await objects.put(env.LANDING_BUCKET, archiveKey, body, { contentType: 'application/json' });
}

/** S3 has no conditional delete, so the object is read once more: that leaves a millisecond in which a newer upload could be lost, not a second. */
async function removeUnchanged({ manifest_key, sha256 }: ManifestDocument, context: Storage): Promise<void> {
  const now = await read(manifest_key, context);
  if (now?.sha256 === sha256) await context.objects.delete(context.env.LANDING_BUCKET, manifest_key);
}

function read(key: string, { objects, env, signal }: Storage): Promise<ManifestObject | undefined> {
  return readManifestObject(objects, env.LANDING_BUCKET, key, signal);
}
