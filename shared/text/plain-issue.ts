import type { z } from 'zod';

/** What is wrong with a value, in plain words that follow the name of its field: `must be a number, not "abc"`. Needs `reportInput` of the parse. */
export function plainIssue(issue: z.core.$ZodIssue): string {
  switch (issue.code) {
    case 'invalid_type':
      if (issue.input === undefined) return 'is missing';
      // A text that was to become a number: what it was is gone.
      return `must be ${WITH_ARTICLE[issue.expected] ?? issue.expected}${Number.isNaN(issue.input) ? '' : `, not ${describe(issue.input)}`}`;
    case 'invalid_value':
      return issue.input === undefined
        ? 'is missing'
        : `must be one of ${issue.values.map((value) => JSON.stringify(value)).join(', ')}, not ${describe(issue.input)}`;
    case 'too_small':
      return issue.origin === 'string' && issue.minimum === 1
        ? 'is empty'
        : `must be ${amount(issue.origin, 'at least', issue.minimum)}`;
    case 'too_big':
      return `must be ${amount(issue.origin, 'at most', issue.maximum)}`;
    case 'invalid_union':
      if (!('options' in issue) || issue.options === undefined) return issue.message;
      return `must be one of ${issue.options.map((option) => JSON.stringify(option)).join(', ')}${given(issue.input, issue.discriminator)}`;
    case 'invalid_key':
      return issue.issues[0] === undefined ? issue.message : plainIssue(issue.issues[0]);
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
  string: 'a text',
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

/** A short text of a wrong value: never the whole of a long one. */
function describe(input: unknown): string {
  if (input === null) return 'null';
  if (Array.isArray(input)) return 'a list';
  if (typeof input === 'object') return 'an object';
  const text = JSON.stringify(input) ?? typeof input;
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
