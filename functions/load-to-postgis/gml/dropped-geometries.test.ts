import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, test } from 'vitest';
import { MAX_GML_PREFIXES } from '../readers/markup-reader.ts';
import { countGmlGeometries } from './dropped-geometries.ts';

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
  ['a geometry beside a comment with one', `<!-- ${POINT} <gml:Point> -->${POINT}`, 1],
  ['a geometry beside a CDATA section with one', `<a:b><![CDATA[${POINT} <gml:Point>]]></a:b>${POINT}`, 1],
  ['an empty element with > in an attribute', `<gml:Point gml:id="a>b"/>${POINT}${POINT}`, 2],
  ['an empty element', `<gml:Point/>${POINT}`, 1],
])('counts %s', async (_name, content, count) => {
  const document = `<?xml version="1.0"?><c ${GML}>${content}</c>`;
  expect(await countGmlGeometries(chunksOf(document), 'a.gml')).toBe(count);
  expect(await countGmlGeometries(chunksOf(document, 7), 'a.gml')).toBe(count);
});

const CHUNK_BYTES = 2 ** 19;

/** One tag for each prefix, and blanks after it. */
async function* documentOf(prefixes: number, afterwards: () => void): AsyncGenerator<Buffer> {
  yield Buffer.from(`<c ${GML}>`);
  for (let at = 1; at < prefixes; at++)
    yield Buffer.from(`<a xmlns:a_very_long_prefix_${at}="http://www.opengis.net/gml"/>`.padEnd(CHUNK_BYTES));
  afterwards();
  yield Buffer.from('</c>');
}

test('keeps the prefixes of a document in memory, but not the document', async () => {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const bytes = () => {
    collect();
    const { heapUsed, external } = process.memoryUsage();
    return heapUsed + external;
  };
  const before = bytes();
  let after = 0;
  await countGmlGeometries(
    documentOf(MAX_GML_PREFIXES, () => (after = bytes())),
    'a.gml',
  );
  // The modules of other tests, whose worker this is, can allocate at the same time.
  expect(after - before).toBeLessThan((MAX_GML_PREFIXES / 2) * CHUNK_BYTES);
});

test('rejects a document with too many prefixes', async () => {
  await expect(
    countGmlGeometries(
      documentOf(MAX_GML_PREFIXES + 1, () => undefined),
      'a.gml',
    ),
  ).rejects.toMatchObject({
    code: 'FILE_UNREADABLE',
    message: 'a.gml declares more than 100 prefixes of GML.',
  });
});

test('counts the geometries of a document in UTF-16', async () => {
  const bytes = Buffer.from(`\uFEFF<c ${GML}>${POINT}${POINT}</c>`, 'utf16le');
  expect(
    await countGmlGeometries(
      (async function* () {
        yield bytes;
      })(),
      'a.gml',
    ),
  ).toBe(2);
});
