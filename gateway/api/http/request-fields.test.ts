import { expect, test } from 'vitest';
import { parseOperator } from './request-fields.ts';

test.each([
  [undefined, 'anonymous'],
  ['', 'anonymous'],
  [' ', 'anonymous'],
  ['ana', 'ana'],
  ['Zo%C3%AB%20M%C3%BCller%20%F0%9F%97%BA', 'Zoë Müller 🗺'],
  ['DOMAIN\\ana', 'DOMAIN\\ana'],
])('parses %s as %s', (header, operator) => expect(parseOperator(header)).toBe(operator));

test.each(['100%', '%0Aforged line', '%00', 'x'.repeat(129)])('rejects %j', (header) => {
  expect(() => parseOperator(header)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
});
