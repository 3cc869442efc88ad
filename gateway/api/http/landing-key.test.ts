import { expect, test } from 'vitest';
import { landingKey } from './landing-key.ts';

test.each([
  ['b1/roads.zip', 'b1/roads.zip'],
  ['manifests/Roads%20%231%20%C3%A9%20%F0%9F%97%BA.json', 'manifests/Roads #1 é 🗺.json'],
  ['a+b%2Bc.zip', 'a+b+c.zip'],
  ['a%2Fb', 'a/b'],
])('%s is the key %s', (path, key) => {
  expect(landingKey(path)).toBe(key);
});

test.each([
  '',
  'a//b',
  '/a',
  'a/',
  'a/..%2Fb',
  '%2e%2e/a',
  './a',
  'a%00b',
  'a%0Ab',
  'é'.repeat(513),
  'archive/manifests/b1.json',
])('refuses %j', (path) => {
  expect(() => landingKey(path)).toThrow(expect.objectContaining({ code: 'REQUEST_INVALID' }));
});
