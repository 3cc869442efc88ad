import { ARCHIVE_PREFIX, userKeyProblem } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/**
 * The object key that the rest of a URL path names, percent-decoded (refuseUndecodable has seen that it can be). Throws REQUEST_INVALID for a key that
 * would be read as another one further on: empty segments, `.` or `..`, control characters.
 */
export function landingKey(encodedPath: string): string {
  const key = decodeURIComponent(encodedPath);
  const refuse = (reason: string) =>
    new SluiceError('REQUEST_INVALID', `The key ${JSON.stringify(key)} ${reason}.`, { details: { key } });
  const problem = userKeyProblem(key);
  if (problem !== undefined) throw refuse(problem);
  if (key.startsWith(ARCHIVE_PREFIX))
    throw refuse(`is below ${ARCHIVE_PREFIX}, which is reserved for archived manifests`);
  return key;
}
