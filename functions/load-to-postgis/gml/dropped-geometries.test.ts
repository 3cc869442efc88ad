import { expect, test } from 'vitest';
import { countGeometries } from './dropped-geometries.ts';

const GML = 'xmlns:gml="http://www.opengis.net/gml/3.2"';
const POINT = '<gml:Point gml:id="a"><gml:pos>1 2</gml:pos></gml:Point>';

async function* chunksOf(text: string, size = text.length): AsyncGenerator<Buffer> {
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
}

test.each([
  ['one geometry', POINT, 1],
  ['two geometries of a feature', `<a:one>${POINT}</a:one><a:two>${POINT}</a:two>`, 2],
  [
    'the parts of a geometry',
    `<gml:MultiPoint><gml:pointMember>${POINT}</gml:pointMember><gml:pointMember>${POINT}</gml:pointMember></gml:MultiPoint>`,
    1,
  ],
  [
    'an envelope',
    `<gml:boundedBy><gml:Envelope><gml:lowerCorner>1 2</gml:lowerCorner></gml:Envelope></gml:boundedBy>`,
    0,
  ],
  ['an attribute with the name of a geometry', `<a:Point>x</a:Point><Curve>y</Curve>${POINT}`, 1],
  ['an empty element', `<gml:Point/>${POINT}`, 1],
])('counts %s', async (_name, content, count) => {
  const document = `<?xml version="1.0"?><c ${GML}>${content}</c>`;
  expect(await countGeometries(chunksOf(document))).toBe(count);
  expect(await countGeometries(chunksOf(document, 7))).toBe(count);
});

test('counts the geometries of a document in UTF-16', async () => {
  const bytes = Buffer.from(`\uFEFF<c ${GML}>${POINT}${POINT}</c>`, 'utf16le');
  expect(
    await countGeometries(
      (async function* () {
        yield bytes;
      })(),
    ),
  ).toBe(2);
});
