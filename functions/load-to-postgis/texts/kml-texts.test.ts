import { expect, test } from 'vitest';
import { ExtrudeFacts, markBlanks } from './kml-texts.ts';

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
])('adds value markers to %j', (value, marked) => {
  expect(markBlanks(data(value), '~', '>')).toBe(data(marked));
});

test('adds no value marker to other elements and empty tags, and looks at the text before a part', () => {
  const others = '<name> x </name><SimpleData name="a"/> <kml:SimpleData>x</kml:SimpleData>';
  expect(markBlanks(others, '~', '')).toBe(others);
  expect(markBlanks('</SimpleData>', '~', ']]>')).toBe('~</SimpleData>');
  expect(markBlanks('</SimpleData>', '~', '"a">'.slice(-3))).toBe('</SimpleData>');
});

test.each([
  [['', ''], true, undefined],
  [['<extrude>1</extrude>', ''], true, undefined],
  [['<extrude>0</extrude>', '<kml:extrude> 1 </kml:extrude>'], false, undefined],
  [['<extrude>0</extrude>', '', '<extrude>1</extrude><extrude>0</extrude>', '<extruded/>'], false, '2 of 4 placemarks'],
])('notes placemarks without extrude beside others with 0: %j', (contents, isExtrudeUnset, message) => {
  const facts = new ExtrudeFacts();
  for (const content of contents)
    for (const part of ['<Placemark id="a">', `<Point>${content}</Point>`, '</Placemark>']) facts.add(part);
  const result = facts.result('a.kml');
  expect(result.isExtrudeUnset).toBe(isExtrudeUnset);
  expect(result.notes.map((note) => note.message.slice(0, message?.length))).toEqual(
    message === undefined ? [] : [message],
  );
});
