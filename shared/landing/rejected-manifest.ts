import type { ErrorDocument } from '#shared/errors/sluice-error.ts';
import { deterministicObjectId } from '#shared/events/event.ts';
import { activityOf, SLUICE_OPERATOR } from '#shared/ledger/activity.ts';
import type { ActivityDocument, ManifestDocument } from '#shared/ledger/documents.ts';
import type { Manifest } from '#shared/manifest/manifest.ts';
import type { Lane } from '#shared/contracts/lanes.ts';
import type { ManifestObject } from './manifest-object.ts';

export interface Rejection {
  /** Id of the notification: each upload is a manifest of its own, and a repeat of a notification the same one. */
  eventId: string;
  key: string;
  /** What was uploaded; undefined when it is gone. */
  object: ManifestObject | undefined;
  manifest?: Manifest | null;
  lane?: Lane | null;
  /** Null when its lane is switched off, which is no fault: the manifest counts as canceled. */
  error: ErrorDocument | null;
}

/** The document of a manifest that starts no run. It does not use up its batch_id. */
export function rejectedManifest({
  eventId,
  key,
  object,
  manifest = null,
  lane = null,
  error,
}: Rejection): ManifestDocument {
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

/** The line of the activity log about a manifest that started no run. */
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
          ? `${manifest_key} starts no run: the ${lane} lane is switched off.`
          : `${manifest_key} was rejected: ${error.message}`,
      details: { manifest_key, lane, error },
    },
    manifest._id,
  );
}

/** Longest batch_id that a manifest may have; see ManifestSchema. */
const MAX_BATCH_ID = 128;
/** What is kept of a rejected manifest: enough to see what it was. */
const MAX_RAW_BYTES = 64 * 1024;

/** The batch_id that a manifest names, when one can be read although the manifest is wrong. */
export function claimedBatchId(bytes: Uint8Array): string | null {
  try {
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    const batchId = typeof value === 'object' && value !== null && 'batch_id' in value ? value.batch_id : undefined;
    return typeof batchId === 'string' && batchId.length <= MAX_BATCH_ID ? storable(batchId) || null : null;
  } catch {
    return null;
  }
}

/** The beginning of an uploaded manifest, as text that any database stores. */
export function rawText(bytes: Uint8Array): string {
  return storable(new TextDecoder().decode(bytes.subarray(0, MAX_RAW_BYTES)));
}

/** PostgreSQL stores no NUL, and no database half a surrogate pair. */
function storable(text: string): string {
  return text.toWellFormed().replaceAll('\0', '\ufffd');
}
