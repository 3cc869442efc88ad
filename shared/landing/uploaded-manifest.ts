import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import type { Lane } from '#shared/contracts/lanes.ts';
import { asSluiceError, type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicObjectId } from '#shared/events/event.ts';
import type { ActivityDocument, ManifestDocument } from '#shared/ledger/documents.ts';
import { storableText } from '#shared/text/storable.ts';
import { type Manifest, MAX_BATCH_ID } from '#shared/manifest/manifest.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';

// An uploaded manifest: reading the object, and the ledger document of a manifest that starts no run.

/** Largest manifest that is read: 1,000 files with a WKT of 512 bytes each, and space for the rest. */
export const MAX_MANIFEST_BYTES = 2 ** 20;

/** The content of an uploaded manifest. */
export interface ManifestObject {
  /** The whole manifest, or its first MAX_MANIFEST_BYTES. */
  bytes: Buffer;
  tooLarge: boolean;
  /** SHA-256 of `bytes`. It identifies the manifest, because another one can be uploaded under the same key. */
  sha256: string;
}

/**
 * Reads at most MAX_MANIFEST_BYTES of a manifest. Undefined if the object does not exist. Throws STORE_UNAVAILABLE,
 * STORE_DENIED.
 */
export async function readManifestObject(
  objects: ObjectStore,
  bucket: string,
  key: string,
  signal: AbortSignal,
): Promise<ManifestObject | undefined> {
  try {
    return manifestObject(await objects.readBytes(bucket, key, { maxBytes: MAX_MANIFEST_BYTES, signal }), false);
  } catch (thrown) {
    const error = asSluiceError(thrown);
    if (error.code === 'FILE_MISSING') return undefined;
    if (error.code !== 'FILE_TOO_LARGE') throw error;
  }
  try {
    const firstBytes = await objects.read(bucket, key, { start: 0, end: MAX_MANIFEST_BYTES - 1, signal });
    return manifestObject(await buffer(firstBytes), true);
  } catch (thrown) {
    if (thrown instanceof SluiceError && thrown.code === 'FILE_MISSING') return undefined;
    throw thrown;
  }
}

function manifestObject(bytes: Buffer, tooLarge: boolean): ManifestObject {
  return { bytes, tooLarge, sha256: createHash('sha256').update(bytes).digest('hex') };
}

/** A manifest that starts no run, and the reason. */
export interface RejectedManifest {
  /**
   * Id of the notification. Each upload results in a separate document; a repeated notification results in the same
   * document.
   */
  eventId: string;
  key: string;
  /** The object. Undefined if it was deleted before it was read. */
  object: ManifestObject | undefined;
  manifest?: Manifest | null;
  lane?: Lane | null;
  /** Null if the lane is disabled. This is not an error: the status of the manifest becomes `canceled`. */
  error: ErrorDocument | null;
}

/**
 * The ledger document of a manifest that starts no run. Its `batch_id` is null, so that a corrected manifest can use
 * the batch id.
 */
export function rejectedManifest({
  eventId,
  key,
  object,
  manifest = null,
  lane = null,
  error,
}: RejectedManifest): ManifestDocument {
  const now = new Date().toISOString();
  return {
    _id: deterministicObjectId('rejected', key, eventId),
    batch_id: null,
    claimed_batch_id: manifest?.batch_id ?? (object ? claimedBatchId(object.bytes) : null),
    manifest_key: key,
    sha256: object?.sha256 ?? '',
    status: error === null ? 'canceled' : 'failure',
    run_id: null,
    lane,
    body: manifest,
    raw: object ? rawText(object.bytes) : null,
    error,
    archive_key: null,
    created_at: now,
    updated_at: now,
  };
}

/** The activity of a manifest that started no run. */
export function rejectionActivity(manifest: ManifestDocument): ActivityDocument {
  const { error, manifest_key, lane } = manifest;
  return activityOf(
    {
      activity:
        error === null ? 'lane_disabled' : error.code === 'BATCH_ID_TAKEN' ? 'manifest_duplicate' : 'manifest_rejected',
      operator: manifest.body?.uploader ?? SLUICE_OPERATOR,
      batch_id: manifest.claimed_batch_id,
      message:
        error === null
          ? `${manifest_key} started no run: the ${lane} lane is disabled.`
          : `${manifest_key} was rejected: ${error.message}`,
      details: { manifest_key, lane, error },
    },
    manifest._id,
  );
}

/** How much of a rejected manifest the ledger keeps. */
const MAX_RAW_BYTES = 64 * 1024;

/** The batch id in an invalid manifest, if the manifest is JSON and has one. */
export function claimedBatchId(bytes: Uint8Array): string | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const batchId = typeof value === 'object' && value !== null && 'batch_id' in value ? value.batch_id : undefined;
    return typeof batchId === 'string' && batchId.length <= MAX_BATCH_ID ? storableText(batchId) || null : null;
  } catch {
    return null;
  }
}

/** The first MAX_RAW_BYTES of a manifest as text that the ledger can store. */
export function rawText(bytes: Uint8Array): string {
  return storableText(new TextDecoder().decode(bytes.subarray(0, MAX_RAW_BYTES)));
}
