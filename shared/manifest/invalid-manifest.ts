import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { FieldIssue } from '#shared/text/describe-issue.ts';

/** Issues in the message of the error. */
const MAX_ISSUES_IN_MESSAGE = 5;

/**
 * MANIFEST_INVALID with the first issues in the message and `issues` in the details. `count` is the number of all
 * issues of the manifest.
 */
export function invalidManifest(issues: FieldIssue[], count = issues.length): SluiceError {
  const listed = issues.slice(0, MAX_ISSUES_IN_MESSAGE).map(({ field, message }) => `${field} ${message}`);
  const more = count > listed.length ? `; and ${count - listed.length} more` : '';
  const further = count > issues.length ? { further_issues: count - issues.length } : {};
  return new SluiceError('MANIFEST_INVALID', `The manifest is invalid: ${listed.join('; ')}${more}.`, {
    details: { issues, ...further },
  });
}
