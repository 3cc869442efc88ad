import type { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { MAX_MANIFEST_BYTES, type ManifestObject } from '#shared/landing/uploaded-manifest.ts';
import { type Manifest, ManifestSchema } from '#shared/manifest/manifest.ts';
import { describeIssue } from '#shared/text/describe-issue.ts';
import { decodeText, parseJson, type FieldIssue, fieldOf, tokenIssues } from './manifest-text.ts';

/** Issues in `details` of the error. */
const MAX_ISSUES = 50;
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
  if (issues.length > 0) throw invalidFields(issues);
  return validateFields(value);
}

function validateFields(value: unknown): Manifest {
  const result = ManifestSchema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw invalidFields(result.error.issues.flatMap(toFieldIssues));
}

/** MANIFEST_INVALID with the first issues in the message and more of them in `details.issues`. */
export function invalidFields(issues: FieldIssue[]): SluiceError {
  const listed = issues.slice(0, MAX_ISSUES_IN_MESSAGE).map(({ field, message }) => `${field} ${message}`);
  const more = issues.length > listed.length ? `; and ${issues.length - listed.length} more` : '';
  return new SluiceError('MANIFEST_INVALID', `The manifest is not valid: ${listed.join('; ')}${more}.`, {
    details: { issues: issues.slice(0, MAX_ISSUES) },
  });
}

function toFieldIssues(issue: z.core.$ZodIssue): FieldIssue[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ field: fieldOf([...issue.path, key]), message: 'is not a field of a manifest' }));
  return [{ field: fieldOf(issue.path), message: describeIssue(issue) }];
}
