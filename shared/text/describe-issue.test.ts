import { expect, test } from 'vitest';
import { z } from 'zod';
import { DESCRIBED, describedAs, describeIssue, fieldIssues, fieldPath } from './describe-issue.ts';

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
  const [issue] = z.safeParse(schema, value, DESCRIBED).error?.issues ?? [];
  expect(issue && describeIssue(issue)).toBe(words);
});

const Schema = z.strictObject({
  files: z.array(
    z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('a'), crs: z.string().optional() }),
      z.strictObject({ type: z.literal('b') }),
    ]),
  ),
});
const problemsOf = (value: unknown, context = DESCRIBED) =>
  z
    .safeParse(Schema, value, context)
    .error?.issues.flatMap((issue) => fieldIssues(issue, 'manifest'))
    .map(({ field, message }) => `${field} ${message}`);

test('an unknown field is named with those that its object can have', () => {
  expect(
    problemsOf({
      files: [
        { type: 'a', crz: '', 'a b': 1 },
        { type: 'b', crs: '' },
      ],
      x: 1,
    }),
  ).toEqual([
    'files[0].crz is an unknown field; expected one of type, crs',
    'files[0]["a b"] is an unknown field; expected one of type, crs',
    'files[1].crs is an unknown field; expected type',
    'x is an unknown field; expected files',
  ]);
  expect(problemsOf({ files: [], x: 1 }, describedAs('parameter'))).toEqual([
    'x is an unknown parameter; expected files',
  ]);
});

test('the whole document has a name', () => {
  expect(problemsOf(7)).toEqual(['manifest must be an object, not 7']);
});

test.each([
  [['files', 0, 'crs'], 'files[0].crs'],
  [['tags', 'Straße-1', 'a.b'], 'tags.Straße-1["a.b"]'],
  [['tags', 'x'.repeat(201)], `tags["${'x'.repeat(200)}…"]`],
  [[0], '[0]'],
  [[], ''],
])('the path %j is written as %s', (path, text) => expect(fieldPath(path)).toBe(text));
