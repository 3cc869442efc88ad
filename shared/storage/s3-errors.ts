import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import { isDiskFull } from '#shared/errors/system-failure.ts';

/** The object or bucket of a request, for messages. */
export interface ObjectRef {
  bucket: string;
  key?: string | undefined;
}

/** The fields of errors of the SDK (`name`, `$metadata`) and of Node (`code`). */
interface ThrownError {
  name?: string;
  message?: string;
  code?: string;
  $metadata?: { httpStatusCode?: number };
}

/** Error names of MinIO and of the embedded store for a full disk. */
const STORE_FULL = new Set(['XMinioStorageFull', 'InsufficientStorage']);
/** Error names for wrong credentials. Servers send them with status 403 or 400. */
const DENIED = new Set([
  'AccessDenied',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidTokenId',
  'AllAccessDisabled',
]);
/** Error names of the SDK for a request without a response. */
const NO_REPLY = new Set(['TimeoutError', 'NetworkingError']);
/** Error codes of Node for a failed connection or name lookup. A response that ends early is ECONNRESET. */
const NETWORK_ERRORS = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
]);

/** `s3://bucket/key`, or `bucket NAME`. */
export function objectName({ bucket, key }: ObjectRef): string {
  return key === undefined ? `bucket ${bucket}` : `s3://${bucket}/${key}`;
}

/**
 * Converts an error of a request, or of the file that it reads or writes, to a SluiceError that names the object. If
 * `signal` is aborted, its reason is returned unchanged.
 */
export function storeError(thrown: unknown, object: ObjectRef, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (thrown instanceof SluiceError) return thrown;
  const status = (thrown as ThrownError).$metadata?.httpStatusCode;
  return status === undefined ? errorWithoutReply(thrown, object) : errorOfReply(thrown, status, object);
}

function errorWithoutReply(thrown: unknown, object: ObjectRef): SluiceError {
  const { name = '', code = '', message = '' } = thrown as ThrownError;
  if (isDiskFull(thrown)) return newError('DISK_FULL', `The disk is full: ${message}`, object, thrown);
  if (NO_REPLY.has(name) || NETWORK_ERRORS.has(code)) {
    const text = `The object store did not respond to the request for ${objectName(object)}: ${message}`;
    return newError('STORE_UNAVAILABLE', text, object, thrown);
  }
  return asSluiceError(thrown);
}

function errorOfReply(thrown: unknown, status: number, object: ObjectRef): SluiceError {
  const { name = '', message = '' } = thrown as ThrownError;
  const where = objectName(object);
  if (name === 'NoSuchBucket') {
    const text = `Bucket ${object.bucket} does not exist. Run npx sluice setup-storage.`;
    return newError('STORE_UNAVAILABLE', text, object, thrown);
  }
  if (status === 404) return newError('FILE_MISSING', `${where} does not exist.`, object, thrown);
  if (status === 401 || status === 403 || DENIED.has(name))
    return newError('STORE_DENIED', `The object store denied access to ${where}: ${name}.`, object, thrown);
  if (status === 507 || STORE_FULL.has(name))
    return newError('DISK_FULL', `The object store has no space for ${where}.`, object, thrown);
  if (status >= 500 || status === 408 || status === 429) {
    const text = `The object store failed to process the request for ${where}: ${name || status}.`;
    return newError('STORE_UNAVAILABLE', text, object, thrown);
  }
  const text = `The object store rejected the request for ${where}: ${name} ${message}`.trim();
  return newError('REQUEST_INVALID', text, object, thrown);
}

function newError(code: SluiceError['code'], message: string, { bucket, key }: ObjectRef, cause: unknown): SluiceError {
  return new SluiceError(code, message, { details: { bucket, ...(key === undefined ? {} : { key }) }, cause });
}
