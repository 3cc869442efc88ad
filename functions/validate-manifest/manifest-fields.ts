import type { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { type Manifest, ManifestSchema } from '#shared/manifest/manifest.ts';
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
  return new SluiceError('MANIFEST_INVALID', `The manifest is not valid: ${told.join('; ')}${more}.`, { details: { issues: issues.slice(0, MAX_ISSUES) } });
}

function toIssues(issue: z.core.$ZodIssue): FieldIssue[] {
  if (issue.code === 'unrecognized_keys') return issue.keys.map((key) => ({ field: fieldOf([...issue.path, key]), message: 'is not a field of a manifest' }));
  return [{ field: fieldOf(issue.path), message: plainMessage(issue) }];
}

function plainMessage(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      return issue.input === undefined ? 'is missing' : `must be ${WITH_ARTICLE[issue.expected] ?? issue.expected}, not ${describe(issue.input)}`;
    case 'invalid_value':
      return issue.input === undefined ? 'is missing' : `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}, not ${describe(issue.input)}`;
    case 'too_small':
      return issue.origin === 'string' && issue.minimum === 1 ? 'is empty' : `must be ${amount(issue.origin, 'at least', issue.minimum)}`;
    case 'too_big':
      return `must be ${amount(issue.origin, 'at most', issue.maximum)}`;
    case 'invalid_union':
      if (!('options' in issue) || issue.options === undefined) return issue.message;
      return `must be one of ${issue.options.map((option) => JSON.stringify(option)).join(', ')}${given(issue.input, issue.discriminator)}`;
    case 'invalid_key':
      return issue.issues[0] === undefined ? issue.message : plainMessage(issue.issues[0]);
    default:
      return issue.message;
  }
}

/** What stands where the name of a variant should be. */
function given(input: unknown, discriminator = ''): string {
  const value = (input as Record<string, unknown> | undefined)?.[discriminator];
  return value === undefined ? '' : `, not ${describe(value)}`;
}

const WITH_ARTICLE: Record<string, string> = {
  string: 'a text', number: 'a number', int: 'a whole number', boolean: 'true or false', array: 'a list', tuple: 'a list', object: 'an object', record: 'an object',
};

function amount(origin: string, bound: string, limit: number | bigint): string {
  const unit = origin === 'string' ? ' characters long' : origin === 'array' ? ' entries long' : '';
  return `${bound} ${limit}${unit}`;
}

/** A short text of a wrong value: never the whole of a long one. */
function describe(input: unknown): string {
  if (input === null) return 'null';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object') return 'an object';
  const text = JSON.stringify(input) ?? typeof input;
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
