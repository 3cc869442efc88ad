import type { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { MAX_MANIFEST_BYTES, type ManifestObject } from '#shared/landing/uploaded-manifest.ts';
import { type Manifest, ManifestSchema } from '#shared/manifest/manifest.ts';
import { describeIssue } from '#shared/text/describe-issue.ts';
import { type FieldIssue, FieldIssues, fieldOf } from './field-issues.ts';
import { decodeText, parseJson } from './manifest-text.ts';
import { tokenIssues } from './manifest-tokens.ts';

/** Issues in the message of the error. */
const MAX_ISSUES_IN_MESSAGE = 5;

/** Parses an uploaded manifest. Throws MANIFEST_TOO_LARGE, MANIFEST_NOT_UTF8, MANIFEST_NOT_JSON, MANIFEST_INVALID. */
export function parseManifest(object: Pick<ManifestObject, 'bytes' | 'tooLarge'>): Manifest {
  if (object.tooLarge)
    throw new SluiceError(
      'MANIFEST_TOO_LARGE',
      `The manifest is larger than ${MAX_MANIFEST_BYTES} bytes. Put the data in the files that the manifest lists.`,
      { details: { limit_bytes: MAX_MANIFEST_BYTES } },
    );
  const text = decodeText(object.bytes);
  const value = parseJson(text);
  const issues = tokenIssues(text);
  if (issues.count > 0) throw invalidFields(issues.first, issues.count);
  return validateFields(value);
}

function validateFields(value: unknown): Manifest {
  const result = ManifestSchema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const issues = new FieldIssues();
  for (const issue of result.error.issues) addIssue(issues, issue);
  throw invalidFields(issues.first, issues.count);
}

/**
 * MANIFEST_INVALID with the first issues in the message and `issues` in the details. `count` is the number of all
 * issues of the manifest.
 */
export function invalidFields(issues: FieldIssue[], count = issues.length): SluiceError {
  const listed = issues.slice(0, MAX_ISSUES_IN_MESSAGE).map(({ field, message }) => `${field} ${message}`);
  const more = count > listed.length ? `; and ${count - listed.length} more` : '';
  const further = count > issues.length ? { further_issues: count - issues.length } : {};
  return new SluiceError('MANIFEST_INVALID', `The manifest is not valid: ${listed.join('; ')}${more}.`, {
    details: { issues, ...further },
  });
}

function addIssue(issues: FieldIssues, issue: z.core.$ZodIssue): void {
  if (issue.code !== 'unrecognized_keys')
    return issues.add(() => ({ field: fieldOf(issue.path), message: describeIssue(issue) }));
  for (const key of issue.keys)
    issues.add(() => ({ field: fieldOf([...issue.path, key]), message: 'is not a field of a manifest' }));
}
