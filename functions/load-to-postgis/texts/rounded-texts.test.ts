import { expect, test } from 'vitest';
import { Scanner, scanDocument } from './rounded-texts.ts';

/** Notes about values that two chunks of a document divide. */

const FILE = 's3://landing-zone/größe.kmz';
const KML = `<?xml version="1.0"?><kml><Document><Schema><SimpleField name="n" type="int"/><SimpleField name="t" type="string"/></Schema>
<Placemark id="p1"><name>a > b</name><address>Allée "1" à</address><Snippet/><TimeStamp><when>2024-02</when></TimeStamp>
<ExtendedData><SchemaData><SimpleData name="t"> é</SimpleData><!-- <SimpleData name="t"> no</SimpleData> -->
<SimpleData name="t"><![CDATA[<SimpleData name="t"> no</SimpleData>]]></SimpleData>
<k:SimpleData name='t'><![CDATA[ & ]]></k:SimpleData><SimpleData name="t">x<!-- y --> </SimpleData>
<SimpleData name="n">5000000000</SimpleData><SimpleData name="t">&#9;z</SimpleData></SchemaData>
<Data name="extra"><value><![CDATA[7]]></value></Data></ExtendedData></Placemark></Document></kml>`;
const GPX = `<gpx><wpt lat="1" lon="2"><time>2024-02-29T10:00:00.0001Z</time><ele>0.30000000000000001</ele>
<link href="a>b"/><link href="b"/><link href="c"><text>c</text></link></wpt><wpt lat="1" lon="2"/><ele>0.1000000000000000001</ele></gpx>`;

async function notesOf(format: string, ...chunks: Buffer[]) {
  const scanner = new Scanner(format, format === 'GPX' ? 'wpt' : undefined);
  await scanDocument(
    scanner,
    (async function* () {
      for (const chunk of chunks) yield Promise.resolve(chunk);
    })(),
  );
  return scanner.notes(FILE, new Set(['n', 't'])).map(({ message }) => message);
}

const KML_NOTES = [
  '1 placemarks have an id, which GDAL does not read. The first is "id=\\"p1\\"".',
  '1 elements <address> were left out. The first is "Allée \\"1\\" à".',
  '1 elements <Snippet> were left out. The first is "".',
  '1 months of column "timestamp" are stored as their first day. The first is "2024-02".',
  '4 values of column "t" have white space around them, which was removed. ' +
    'Upload the .kml file of the archive to keep it. The first is " é".',
  '4 values of column "t" were left out, because their placemarks have another value with this name, in upper or ' +
    'lower case. The first is "é".',
  '1 values of column "n" exceed its declared type, and were changed. ' +
    'Upload the .kml file of the archive to keep them. The first is "5000000000".',
  '1 values of <Data name="extra"> were left out, because the layer has a schema. The first is "7".',
];
const GPX_NOTES = [
  '1 times of column "time" were cut to milliseconds. The first is "2024-02-29T10:00:00.0001Z".',
  '1 numbers of column "ele" have more digits than a double. The first is "0.30000000000000001".',
  '1 links beyond the second one of a feature were left out. The first is "href=\\"c\\"".',
];

test.each([
  ['KMZ', KML, KML_NOTES],
  ['GPX', GPX, GPX_NOTES],
])('the notes of %s do not depend on the chunks of the document', async (format, text, notes) => {
  const bytes = Buffer.from(text);
  expect(await notesOf(format, bytes)).toEqual(notes);
  const single = Array.from(bytes, (_, at) => bytes.subarray(at, at + 1));
  expect(await notesOf(format, ...single)).toEqual(notes);
  for (let cut = 1; cut < bytes.length; cut += 1)
    expect(await notesOf(format, bytes.subarray(0, cut), bytes.subarray(cut)), `cut at ${cut}`).toEqual(notes);
});

test('reports the times of elements Data that GDAL does not read', async () => {
  const data = (name: string, value: string) => `<Data name="${name}"><value>${value}</value></Data>`;
  const values = [data('timestamp', 'n/a'), data('begin', '2024-02'), data('end', '2024-02-29T10:00:00Z')];
  const placemark = `<Placemark><ExtendedData>${values.join('')}</ExtendedData></Placemark>`;
  expect(await notesOf('KML', Buffer.from(`<kml>${placemark}</kml>`))).toEqual([
    '1 values of column "timestamp" are not a date and time. They are missing. The first is "n/a".',
    '1 values of column "begin" are not a date and time. They are missing. The first is "2024-02".',
  ]);
});

test('finds white space at the end of a long value', async () => {
  const long = Buffer.from(`<SimpleField name="t"/><SimpleData name="t">${'é'.repeat(200_000)} </SimpleData>`);
  expect(await notesOf('KMZ', long.subarray(0, 100_001), long.subarray(100_001))).toHaveLength(1);
});

const placemark = (content: string) => `<Placemark>${content}</Placemark>`;
const data = (name: string, value: string) => `<Data name="${name}"><value>${value}</value></Data>`;

test.each([
  [
    'the name and data with another value',
    placemark(`<name>a</name>${data('Name', 'b')}`),
    ['1 values of column "Name"'],
  ],
  ['the name and data with the same value', placemark(`<name>a</name>${data('name', 'a')}`), []],
  ['data with names in another case', placemark(data('a', '1') + data('A', '2')), ['1 values of column "A"']],
  ['data of two placemarks', placemark(data('a', '1')) + placemark(data('a', '2')), []],
  ['data after an empty value', placemark(data('a', '') + data('a', '2')), []],
  [
    'the name of an author',
    placemark('<name>a</name><atom:author><atom:name>b</atom:name></atom:author>'),
    ['1 elements <author>'],
  ],
  [
    'a field that no schema has',
    '<SimpleField name="a"/><SimpleData name="a">1</SimpleData><SimpleData name="b">2</SimpleData>',
    ['1 values of <SimpleData name="b">'],
  ],
])('notes values of KML that GDAL leaves out: %s', async (_name, text, starts) => {
  const notes = await notesOf('KML', Buffer.from(text));
  expect(notes.map((note) => note.split(' were ')[0])).toEqual(starts);
});

test.each([
  ['an element twice', '<name>a</name><name>b</name>', ['1 values of column "name"']],
  [
    'an extension with the name of an element',
    '<ele>1</ele><extensions><ele>2</ele></extensions>',
    ['1 values of column "ele"'],
  ],
  ['extensions with different prefixes', '<extensions><x:a>1</x:a><y:a>2</y:a></extensions>', []],
  [
    'an extension twice, and its parts',
    '<extensions><x:a>1</x:a><b><c>1</c><c>2</c></b><x:a>3</x:a></extensions>',
    ['1 values of column "x_a"'],
  ],
  [
    'an attribute of an extension',
    '<extensions xmlns:x="u"><a u="m" xmlns="v">1</a><b><c k="1"/></b></extensions>',
    ['1 attributes of elements <a>'],
  ],
  ['an element that GPX does not have', '<color>red</color><trkseg><other>1</other></trkseg>', ['1 elements <color>']],
])('notes values of GPX that GDAL leaves out: %s', async (_name, content, starts) => {
  const other = '<rte><name>x</name><name>y</name></rte>';
  const notes = await notesOf('GPX', Buffer.from(`<gpx><wpt lat="1" lon="2">${content}</wpt>${other}</gpx>`));
  expect(notes.map((note) => note.split(' were ')[0])).toEqual(starts);
});
