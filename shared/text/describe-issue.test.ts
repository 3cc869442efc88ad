import { expect, test } from 'vitest';
import { z } from 'zod';
import { describeIssue } from './describe-issue.ts';

test.each([
  [z.string(), undefined, 'is missing'],
  [z.string(), 7, 'must be a string, not 7'],
  [z.coerce.number(), 'abc é', 'must be a number'],
  [z.number().int(), 1.5, 'must be a whole number, not 1.5'],
  [z.number().min(1), 0, 'must be at least 1'],
  [z.string().min(1), '', 'is empty'],
  [z.string().max(2), 'abc', 'must be at most 2 characters long'],
  [z.enum(['a', 'b']), 'c', 'must be one of "a", "b", not "c"'],
  [z.object({}), [], 'must be an object, not a list'],
  [z.string().regex(/^a/, 'must begin with a'), 'b', 'must begin with a'],
])('%#: %j', (schema, value, words) => {
  const [issue] = z.safeParse(schema, value, { reportInput: true }).error?.issues ?? [];
  expect(issue && describeIssue(issue)).toBe(words);
});
