import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type FieldIssue, MAX_ISSUES_IN_MESSAGE } from '#shared/text/describe-issue.ts';
import { listClauses } from '#shared/text/list-names.ts';

/**
 * MANIFEST_INVALID with the first issues in the message and `issues` in the details. `count` is the number of all
 * issues of the manifest.
 */
export function invalidManifest(issues: FieldIssue[], count = issues.length): SluiceError {
  const problems = issues.map(({ field, message }) => `${field} ${message}`);
  const further = count > issues.length ? { further_issues: count - issues.length } : {};
  return new SluiceError(
    'MANIFEST_INVALID',
    `The manifest is invalid: ${listClauses(problems, MAX_ISSUES_IN_MESSAGE, count)}.`,
    {
      details: { issues, ...further },
    },
  );
}
