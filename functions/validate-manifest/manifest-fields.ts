import type { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type Manifest, ManifestSchema } from '#shared/manifest/manifest.ts';
import { plainIssue } from '#shared/text/plain-issue.ts';
import { type FieldIssue, fieldOf } from './manifest-tokens.ts';

/** Issues kept on the manifest; a file of 1,000 wrong lines needs no 1,000 of them. */
const MAX_ISSUES = 50;
/** Issues told in the message itself. */
const TOLD_ISSUES = 5;

/** The manifest of a parsed JSON value. Throws MANIFEST_INVALID that names each wrong field. */
export function validateFields(value: unknown): Manifest {
  const result = ManifestSchema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  throw invalidFields(result.error.issues.flatMap(toIssues));
}

/** MANIFEST_INVALID with a message that names the fields, and all of them in `details.issues`. */
export function invalidFields(issues: FieldIssue[]): SluiceError {
  const told = issues.slice(0, TOLD_ISSUES).map(({ field, message }) => `${field} ${message}`);
  const more = issues.length > TOLD_ISSUES ? `; and ${issues.length - TOLD_ISSUES} more` : '';
  return new SluiceError('MANIFEST_INVALID', `The manifest is not valid: ${told.join('; ')}${more}.`, {
    details: { issues: issues.slice(0, MAX_ISSUES) },
  });
}

function toIssues(issue: z.core.$ZodIssue): FieldIssue[] {
  if (issue.code === 'unrecognized_keys')
    return issue.keys.map((key) => ({ field: fieldOf([...issue.path, key]), message: 'is not a field of a manifest' }));
  return [{ field: fieldOf(issue.path), message: plainIssue(issue) }];
}
