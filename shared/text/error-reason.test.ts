import { expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from './error-reason.ts';

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
