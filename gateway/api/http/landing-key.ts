import { SluiceError } from '#shared/errors/sluice-error.ts';

/** S3's limit. */
const MAX_KEY_BYTES = 1024;
const ARCHIVE_FOLDER = 'archive/';

/**
 * The object key that the rest of a URL path names, percent-decoded (refuseUndecodable has seen that it can be). Throws REQUEST_INVALID for a key that
 * would be read as another one further on: empty segments, `.` or `..`, control characters.
 */
export function landingKey(encodedPath: string): string {
  const key = decodeURIComponent(encodedPath);
  const refuse = (reason: string) =>
    new SluiceError('REQUEST_INVALID', `The key ${JSON.stringify(key)} ${reason}.`, { details: { key } });
  if (key === '') throw refuse('is empty');
  if (Buffer.byteLength(key) > MAX_KEY_BYTES) throw refuse(`is longer than ${MAX_KEY_BYTES} bytes`);
  if (/[\u0000-\u001f\u007f]/.test(key)) throw refuse('holds control characters');
  if (key.split('/').some((segment) => segment === '' || segment === '.' || segment === '..'))
    throw refuse('has an empty segment, "." or ".."');
  if (key.startsWith(ARCHIVE_FOLDER))
    throw refuse(`is in ${ARCHIVE_FOLDER}, where Sluice keeps the manifests it has read`);
  return key;
}
