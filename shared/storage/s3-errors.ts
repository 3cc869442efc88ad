import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';

/** What a request was about, for the message. */
export interface ObjectRef {
  bucket: string;
  key?: string | undefined;
}

interface ServiceError {
  name?: string;
  message?: string;
  $metadata?: { httpStatusCode?: number };
}

/** Names that MinIO and AWS give to a server without room: the only ones of a kind that waiting alone does not mend. */
const STORE_FULL = new Set(['XMinioStorageFull', 'InsufficientStorage']);
/** Names that servers answer with status 403 or 400 when the credentials are wrong. */
const DENIED = new Set([
  'AccessDenied',
  'InvalidAccessKeyId',
  'SignatureDoesNotMatch',
  'InvalidTokenId',
  'AllAccessDisabled',
]);

/** `s3://bucket/key`, as users write it. */
export function describeObject({ bucket, key }: ObjectRef): string {
  return key === undefined ? `bucket ${bucket}` : `s3://${bucket}/${key}`;
}

/** What an object store or the way to it threw, as a SluiceError that names the object. An abort passes as it is: its reason belongs to who aborted. */
export function storeError(thrown: unknown, object: ObjectRef, signal?: AbortSignal): unknown {
  if (signal?.aborted) return signal.reason;
  if (thrown instanceof SluiceError) return thrown;
  const details = { bucket: object.bucket, ...(object.key === undefined ? {} : { key: object.key }) };
  const where = describeObject(object);
  const { name = '', message = '', $metadata } = thrown as ServiceError;
  const status = $metadata?.httpStatusCode;
  const make = (code: ConstructorParameters<typeof SluiceError>[0], text: string) =>
    new SluiceError(code, text, { details, cause: thrown });

  if (status === undefined) {
    const error = asSluiceError(thrown);
    if (error.code === 'DISK_FULL') return make('DISK_FULL', `The disk is full: ${message}`);
    return isNetworkError(thrown)
      ? make('STORE_UNAVAILABLE', `The object store does not answer for ${where}: ${message}`)
      : error;
  }
  if (name === 'NoSuchBucket')
    return make('STORE_UNAVAILABLE', `Bucket ${object.bucket} does not exist. Run npx sluice setup-storage.`);
  if (status === 404) return make('FILE_MISSING', `${where} does not exist.`);
  if (status === 401 || status === 403 || DENIED.has(name))
    return make('STORE_DENIED', `The object store refused access to ${where}: ${name}.`);
  if (status === 507 || STORE_FULL.has(name)) return make('DISK_FULL', `The object store has no room for ${where}.`);
  if (status >= 500 || status === 408 || status === 429)
    return make('STORE_UNAVAILABLE', `The object store failed on ${where}: ${name || status}.`);
  return make('REQUEST_INVALID', `The object store refused the request for ${where}: ${name} ${message}`.trim());
}

/** Everything between here and the server: sockets, name look-up, time-outs of the SDK, replies that are not S3's. */
function isNetworkError(thrown: unknown): boolean {
  const { name = '', code, message = '' } = thrown as { name?: string; code?: string; message?: string };
  if (name === 'TimeoutError' || name === 'NetworkingError' || message === 'aborted') return true;
  // Refused on every address of a host: Node puts the causes in one AggregateError.
  return code !== undefined && /^E(CONN|PIPE|TIMEDOUT|NOTFOUND|AI_AGAIN|HOSTUNREACH|NETUNREACH)/.test(code);
}
