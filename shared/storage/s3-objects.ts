import { keyProblem } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { ObjectHead } from './object-store.ts';
import { objectName, type ObjectRef, storeError } from './s3-errors.ts';

/** Returns the object. Throws REQUEST_INVALID if no object can have its key. */
export function checkKey(object: Required<ObjectRef>): Required<ObjectRef> {
  const problem = keyProblem(object.key);
  if (problem === undefined) return object;
  throw new SluiceError('REQUEST_INVALID', `The key of ${objectName(object)} ${problem}.`, {
    details: { ...object },
  });
}

/** Converts errors of `work` with storeError. */
export async function mapErrors<T>(
  object: ObjectRef,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await work();
  } catch (thrown) {
    throw storeError(thrown, object, signal);
  }
}

/** Members of the responses of the SDK. */
interface S3Head {
  Key: string;
  Size?: number | undefined;
  ETag?: string | undefined;
  LastModified?: Date | undefined;
  Metadata?: Record<string, string> | undefined;
  ContentType?: string | undefined;
}

export function toObjectHead(head: S3Head): ObjectHead {
  return {
    key: head.Key,
    size: head.Size ?? 0,
    etag: (head.ETag ?? '').replaceAll('"', ''),
    modified: (head.LastModified ?? new Date(0)).toISOString(),
    metadata: head.Metadata ?? {},
    ...(head.ContentType === undefined ? {} : { contentType: head.ContentType }),
  };
}
