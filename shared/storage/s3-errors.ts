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

/** Error codes of Node for a certificate that is not accepted. */
const CERTIFICATE_ERRORS = /^(?:CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|ERR_TLS_CERT_)/;

/** Name of an object or bucket in messages: `s3://bucket/key`, or `bucket NAME`. */
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
  if (status !== undefined) return errorOfReply(thrown, status, object);
  const { message = '' } = thrown as ThrownError;
  if (isDiskFull(thrown)) return newError('DISK_FULL', `The disk is full: ${message}`, object, thrown);
  return connectionError(thrown, objectName(object), { ...object }) ?? asSluiceError(thrown);
}

/** Node.js appends advice about its own options. */
function firstClause(message: string): string {
  return message.split(';', 1)[0] ?? message;
}

/** The error of a request for `subject` without a response. Undefined if the connection is not the cause. */
export function connectionError(
  thrown: unknown,
  subject: string,
  details: Record<string, unknown> = {},
): SluiceError | undefined {
  const { name = '', code = '', message = '' } = thrown as ThrownError;
  const failed = (text: string, more: object = {}) =>
    new SluiceError('STORE_UNAVAILABLE', text, { details: { ...details, ...more }, cause: thrown });
  if (CERTIFICATE_ERRORS.test(code))
    return failed(
      `The certificate of the object store is not valid: ${firstClause(message || code)}. Correct it, or set ` +
        'NODE_EXTRA_CA_CERTS to the file of its certificate authority.',
      { certificate: code },
    );
  if (code === 'EPROTO')
    return failed('The object store does not accept HTTPS connections. Check S3_ENDPOINT, which begins with https:.', {
      certificate: code,
    });
  if (NO_REPLY.has(name) || NETWORK_ERRORS.has(code))
    return failed(`The object store did not respond to the request for ${subject}: ${message || code}`);
  return undefined;
}

function errorOfReply(thrown: unknown, status: number, object: ObjectRef): SluiceError {
  const { name: thrownName = '', message = '' } = thrown as ThrownError;
  // The reply to a HEAD request has no body with the name of the error.
  const name = thrownName === 'Unknown' ? `status ${status}` : thrownName;
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
