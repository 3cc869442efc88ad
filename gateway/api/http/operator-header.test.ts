import { expect, test } from 'vitest';
import { operatorOf } from './operator-header.ts';

test.each([
  [undefined, 'anonymous'],
  ['', 'anonymous'],
  [' ', 'anonymous'],
  ['ana', 'ana'],
  ['Zo%C3%AB%20M%C3%BCller%20%F0%9F%97%BA', 'Zoë Müller 🗺'],
  ['DOMAIN\\ana', 'DOMAIN\\ana'],
])('%s is %s', (header, operator) => expect(operatorOf(header)).toBe(operator));

test.each(['100%', '%0Aforged line', '%00', 'x'.repeat(129)])('refuses %j', (header) => {
  expect(() => operatorOf(header)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
});
