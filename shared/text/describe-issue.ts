import { z } from 'zod';
import { printable } from './visible-text.ts';

/** A problem of one field. `message` follows the name of the field in a sentence. */
export interface FieldIssue {
  /** For example `files[0].crs`. */
  field: string;
  message: string;
}

/** The context in which a schema is parsed if its issues are described. */
export const DESCRIBED = describedAs('field');

/** As DESCRIBED. `term` is what a message calls a field. */
export function describedAs(term: string) {
  return {
    reportInput: true,
    error: (issue: z.core.$ZodRawIssue) =>
      issue.code === 'unrecognized_keys' ? `is an unknown ${term}${expectedBy(issue.inst)}` : undefined,
  } satisfies z.core.ParseContext<z.core.$ZodIssue>;
}

function expectedBy(schema: unknown): string {
  const fields = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  return fields.length === 0 ? '' : `; expected ${fields.length === 1 ? '' : 'one of '}${fields.join(', ')}`;
}

/** The fields of an issue: one, or each unknown field of an object. */
export function pathsOf(issue: z.core.$ZodIssue): PropertyKey[][] {
  return issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...issue.path, key]) : [issue.path];
}

/** The problems of the fields of an issue. `root` is the name of the whole document. */
export function fieldIssues(issue: z.core.$ZodIssue, root: string): FieldIssue[] {
  return pathsOf(issue).map((path) => ({ field: fieldPath(path) || root, message: describeIssue(issue) }));
}

/** The number of issues that `details` or a reply lists. A manifest of 1 MiB can have 500,000. */
export const MAX_ISSUES = 50;
/** The number of issues in the message of an error. */
export const MAX_ISSUES_IN_MESSAGE = 5;

/** The problems of the fields of all issues: the first MAX_ISSUES, and the number of all. `root` as in fieldIssues. */
export function firstFieldIssues(
  all: readonly z.core.$ZodIssue[],
  root: string,
): { issues: FieldIssue[]; count: number } {
  const issues: FieldIssue[] = [];
  let count = 0;
  for (const issue of all) {
    const paths = pathsOf(issue);
    count += paths.length;
    for (const path of paths.slice(0, MAX_ISSUES - issues.length))
      issues.push({ field: fieldPath(path) || root, message: describeIssue(issue) });
  }
  return { issues, count };
}

/** Characters of one name that a message shows. Names in a manifest have at most 128 characters. */
const SHOWN_NAME = 200;

/**
 * The name of a field in messages, such as `files[0].path`; empty for the root. Unusual names are quoted, and long ones
 * are cut off.
 */
export function fieldPath(path: readonly PropertyKey[]): string {
  const parts = path.map((part) => {
    if (typeof part === 'number') return `[${part}]`;
    const whole = String(part);
    const name = whole.length > SHOWN_NAME ? `${whole.slice(0, SHOWN_NAME)}…` : whole;
    return /^[\p{L}\p{N}_-]+$/u.test(name) ? `.${name}` : `[${printable(JSON.stringify(name))}]`;
  });
  return parts.join('').replace(/^\./, '');
}

/**
 * Describes a validation issue in words that follow the name of the field: `must be a number, not "abc"`. The value and
 * the expected fields are known only if the schema was parsed as DESCRIBED.
 */
export function describeIssue(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing';
      return `must be ${TYPE_NAMES[issue.expected] ?? issue.expected}${notInput(issue.input)}`;
    case 'invalid_value':
      return issue.input === undefined
        ? 'is missing'
        : `must be one of ${listOf(issue.values)}, not ${describe(issue.input)}`;
    case 'too_small':
      return issue.origin === 'string' && issue.minimum === 1
        ? 'is empty'
        : `must be ${amount(issue.origin, 'at least', issue.minimum)}`;
    case 'too_big':
      return `must be ${amount(issue.origin, 'at most', issue.maximum)}`;
    case 'invalid_union':
      if (!('options' in issue) || issue.options === undefined) return issue.message;
      return `must be one of ${listOf(issue.options)}${notVariant(issue.input, issue.discriminator)}`;
    case 'invalid_key':
      return issue.issues[0] === undefined ? issue.message : describeIssue(issue.issues[0]);
    default:
      return issue.message;
  }
}

/** The value of the discriminator field, which is not the name of a variant. */
function notVariant(input: unknown, discriminator = ''): string {
  const value = (input as Record<string, unknown> | undefined)?.[discriminator];
  return value === undefined ? '' : `, not ${describe(value)}`;
}

/** After coercion to a number, the input is NaN, and the original text is unknown. */
function notInput(input: unknown): string {
  return Number.isNaN(input) ? '' : `, not ${describe(input)}`;
}

function listOf(values: readonly unknown[]): string {
  return values
    .map((value) => JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? String(part) : part)))
    .join(', ');
}

const TYPE_NAMES: Record<string, string> = {
  string: 'a string',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  tuple: 'a list',
  object: 'an object',
  record: 'an object',
};

function amount(origin: string, bound: string, limit: number | bigint): string {
  const unit = origin === 'string' ? ' characters long' : origin === 'array' ? ' entries long' : '';
  return `${bound} ${limit}${unit}`;
}

/** A short description of an invalid value. Long values are truncated. */
function describe(input: unknown): string {
  if (input === null) return 'null';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object') return 'an object';
  const text = printable(JSON.stringify(input) ?? typeof input);
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
