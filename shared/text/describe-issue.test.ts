import { expect, test } from 'vitest';
import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { describeIssue, reasonOf } from './describe-issue.ts';

test.each([
  [z.string(), undefined, 'is missing'],
  [z.string(), 7, 'must be a text, not 7'],
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

test.each([
  [
    new SluiceError('INTERNAL', 'End of central directory record signature not found. '),
    'End of central directory record signature not found',
  ],
  [new SluiceError('INTERNAL', 'unexpected end of file'), 'unexpected end of file'],
  [new TypeError(), 'TypeError'],
  ['Is it there?', 'Is it there?'],
])('%s fits into a sentence', (thrown, reason) => expect(reasonOf(thrown)).toBe(reason));

// With an expression that takes quadratic time, these texts take minutes.

test('the end of a message with a long run of blanks or points is found, and a long message is cut off', () => {
  const message = `invalid input syntax for type bigint: "${' '.repeat(500)}${'.'.repeat(499_000)}"`;
  expect(reasonOf(new SluiceError('INTERNAL', message))).toBe(`${message.slice(0, 1_000)}…`);
  expect(reasonOf(new SluiceError('INTERNAL', `a${'. '.repeat(400)}b${'.'.repeat(100)}`))).toBe(
    `a${'. '.repeat(400)}b`,
  );
});
