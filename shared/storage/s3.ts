import type { Env } from '#shared/config/env.ts';
import { inChildSpan } from '#shared/tracing/tracing.ts';
import type { ObjectStore } from './object-store.ts';
import { createS3Client } from './s3-client.ts';
import { S3ObjectStore, type StoreOptions } from './s3-object-store.ts';

/**
 * Opens the object store at S3_ENDPOINT. Throws CONFIG_INVALID without one. The operations throw STORE_UNAVAILABLE and
 * STORE_DENIED, and the reason of the signal when it is aborted.
 */
export function openObjectStore(env: Env, options: StoreOptions = {}): ObjectStore {
  return new TracedS3ObjectStore(createS3Client(env, options.maxSockets), env.LANDING_BUCKET, options);
}

/** Transfers are spans of the step that makes them. */
class TracedS3ObjectStore extends S3ObjectStore {
  override download(...args: Parameters<ObjectStore['download']>): ReturnType<ObjectStore['download']> {
    return inTransferSpan('s3 download', args, async (span) => {
      const stored = await super.download(...args);
      span?.set({ 'sluice.bytes': stored.size });
      return stored;
    });
  }

  override upload(...args: Parameters<ObjectStore['upload']>): ReturnType<ObjectStore['upload']> {
    return inTransferSpan('s3 upload', args, async (span) => {
      const stored = await super.upload(...args);
      span?.set({ 'sluice.bytes': stored.size });
      return stored;
    });
  }

  override put(...args: Parameters<ObjectStore['put']>): Promise<void> {
    return inTransferSpan('s3 put', args, () => super.put(...args));
  }

  override readBytes(...args: Parameters<ObjectStore['readBytes']>): Promise<Buffer> {
    return inTransferSpan('s3 get', args, () => super.readBytes(...args));
  }
}

function inTransferSpan<T>(
  name: string,
  [bucket, key]: [bucket: string, key: string, ...unknown[]],
  work: Parameters<typeof inChildSpan<T>>[2],
): Promise<T> {
  return inChildSpan(name, { kind: 'client', attributes: { 'aws.s3.bucket': bucket, 'aws.s3.key': key } }, work);
}
