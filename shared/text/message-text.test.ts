import { expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from './describe-issue.ts';

test.each([
  [
    new SluiceError('INTERNAL', 'End of central directory record signature not found. '),
    'End of central directory record signature not found',
  ],
  [new SluiceError('INTERNAL', 'unexpected end of file'), 'unexpected end of file'],
  [new TypeError(), 'TypeError'],
  ['Is it there?', 'Is it there?'],
])('%s fits into a sentence', (thrown, reason) => expect(reasonOf(thrown)).toBe(reason));
