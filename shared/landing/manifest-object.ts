import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';

/** Longest manifest that is read: 1,000 files with a WKT of 512 bytes each, and room. */
export const MAX_MANIFEST_BYTES = 2 ** 20;

/** A manifest as it lies in a bucket. */
export interface ManifestObject {
  /** The whole manifest, or its first MAX_MANIFEST_BYTES. */
  bytes: Buffer;
  tooLarge: boolean;
  /** SHA-256 of `bytes`: tells a manifest from another one under the same key. */
  sha256: string;
}

/** Reads a manifest, never more than MAX_MANIFEST_BYTES of it. Undefined when there is no such object. Throws STORE_UNAVAILABLE, STORE_DENIED. */
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
    const beginning = await objects.read(bucket, key, { start: 0, end: MAX_MANIFEST_BYTES - 1, signal });
    return manifestObject(await buffer(beginning), true);
  } catch (thrown) {
    if (thrown instanceof SluiceError && thrown.code === 'FILE_MISSING') return undefined;
    throw thrown;
  }
}

function manifestObject(bytes: Buffer, tooLarge: boolean): ManifestObject {
  return { bytes, tooLarge, sha256: createHash('sha256').update(bytes).digest('hex') };
}
