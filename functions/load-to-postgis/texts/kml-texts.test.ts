import { expect, test } from 'vitest';
import { guardBlanks } from './kml-texts.ts';

const data = (value: string) => `<SimpleData name="a>b">${value}</SimpleData>`;

test.each([
  ['x y', 'x y'],
  ['', ''],
  [' x', '~ x'],
  ['x\n', 'x\n~'],
  [' ', '~ ~'],
  ['&#x20;x&#9;', '~&#x20;x&#9;~'],
  ['<![CDATA[ x ]]>', '~<![CDATA[ x ]]>~'],
  ['x <!-- c -->', 'x <!-- c -->~'],
])('adds guards to %j', (value, guarded) => {
  expect(guardBlanks(data(value), '~', '>')).toBe(data(guarded));
});

test('adds no guard to other elements and empty tags, and looks at the text before a part', () => {
  const others = '<name> x </name><SimpleData name="a"/> <kml:SimpleData>x</kml:SimpleData>';
  expect(guardBlanks(others, '~', '')).toBe(others);
  expect(guardBlanks('</SimpleData>', '~', ']]>')).toBe('~</SimpleData>');
  expect(guardBlanks('</SimpleData>', '~', '"a">'.slice(-3))).toBe('</SimpleData>');
});
