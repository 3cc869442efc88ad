import { expect, test } from 'vitest';
import { findBadMifCoordinate } from './text-coordinates.ts';
import { findBadCoordinate } from './xml-coordinates.ts';

/** Splits a text into chunks of every size, so that each token is cut at each place. */
async function* chunksOf(text: string, size: number, encoding: BufferEncoding = 'utf8') {
  const bytes = Buffer.from(text, encoding);
  for (let at = 0; at < bytes.length; at += size) yield Promise.resolve(bytes.subarray(at, at + size));
}

async function problemIn(text: string, driver: 'GML' | 'LIBKML' | 'GPX' | 'MIF'): Promise<string | undefined> {
  const found = new Set<string | undefined>();
  for (const size of [1, 2, 3, 5, 8, 13, text.length]) {
    const chunks = chunksOf(text, size);
    const bad = await (driver === 'MIF' ? findBadMifCoordinate(chunks) : findBadCoordinate(chunks, driver));
    found.add(bad?.problem);
  }
  expect(found.size, [...found].join(' | ')).toBe(1);
  return [...found][0];
}

const kml = (coordinates: string) =>
  `<?xml version="1.0"?><kml><Placemark><name>a, b</name><Point><coordinates>${coordinates}</coordinates></Point></Placemark></kml>`;

test.each([
  ['1,2', undefined],
  ['', undefined],
  ['\n 1,2,3\n -4.5e-3,+5.,.5 ', undefined],
  ['1, 2 3 ,4', undefined],
  ['1,2 <!-- abc --> 3,4', undefined],
  ['<![CDATA[1,2 3,4]]>', undefined],
  ['&#49;,2', undefined],
  ['NaN,1 1,-inf', undefined],
  ['1,2 abc 3,4', '"abc" is not a number (<coordinates>).'],
  ['1,2 3,x4 3,4', '"x4" is not a number (<coordinates>).'],
  ['<![CDATA[1,2 3,y]]>', '"y" is not a number (<coordinates>).'],
  ['1;2', '"1;2" is not a number (<coordinates>).'],
  ['0x10,2', '"0x10" is not a number (<coordinates>).'],
  ['1,2 3 5,6', 'A tuple in <coordinates> has 1 number; KML has longitude,latitude[,altitude].'],
  ['1,5,2,5', 'A tuple in <coordinates> has 4 numbers; KML has longitude,latitude[,altitude].'],
  ['1,,2', 'A number is missing beside a comma in <coordinates>.'],
  [',2', 'A number is missing beside a comma in <coordinates>.'],
])('KML coordinates %j: %s', async (coordinates, problem) => {
  expect(await problemIn(kml(coordinates), 'LIBKML')).toBe(problem);
});

const gml = (geometry: string) =>
  `<a:c xmlns:a="urn:a" xmlns:gml="http://www.opengis.net/gml/3.2" note="1 > 0 <a>"><a:X>text</a:X><a:pos>text</a:pos>${geometry}</a:c>`;

test.each([
  ['<gml:pos>1 2</gml:pos>', undefined],
  ['<gml:pos srsDimension="2" />', undefined],
  ['<gml:posList>1 2\n3 4\t5 6</gml:posList>', undefined],
  ['<gml:coordinates decimal="," cs=" " ts=";">1,5 2,5;3,5 4,5</gml:coordinates>', undefined],
  ['<gml:coordinates>1,2 3,4</gml:coordinates>', undefined],
  ['<gml:pos>abc def</gml:pos>', '"abc" is not a number (<pos>).'],
  ['<gml:pos>1 NaN</gml:pos>', '"NaN" is not a number (<pos>).'],
  ['<gml:posList>1 2 x y 3 4</gml:posList>', '"x" is not a number (<posList>).'],
  ['<gml:coordinates>1,2 abc,3</gml:coordinates>', '"abc" is not a number (<coordinates>).'],
  ['<gml:coord><gml:X>1</gml:X><gml:Y>north</gml:Y></gml:coord>', '"north" is not a number (<Y>).'],
])('GML %j: %s', async (geometry, problem) => {
  expect(await problemIn(gml(geometry), 'GML')).toBe(problem);
});

test.each([
  ['<wpt lat="1" lon="-2.5e0"/>', undefined],
  ["<wpt lon = '2' lat='NaN'><name>lat</name></wpt>", undefined],
  ['<wpt lat="1,5" lon="2"/>', '"1,5" is not a number (attribute lat of <wpt>).'],
  ['<trkpt lat="1" lon=""/>', '"" is not a number (attribute lon of <trkpt>).'],
  ['<rtept lon="2"><name>lat="1"</name></rtept>', '<rtept> has no attribute lat.'],
])('GPX %j: %s', async (point, problem) => {
  expect(await problemIn(`<gpx version="1.1">${point}</gpx>`, 'GPX')).toBe(problem);
});

test.each([
  ['Point 1 2\n    Symbol (35,0,12)\nLINE 1 2 3.5 -4e1\r\nNone\n', undefined],
  ['Pline Multiple 1\n 2\n1 2\n3 4\n    Pen (1,2,0)\nText\n  "abc 1"\n1 2 3 4\n    Font ("Arial",0,0,0)\n', undefined],
  ['Region 1\n  2\n1 2\n3 4\n    Pen (1,2,0)\n    Brush (1,0,0)\n    Center 1 2\n', undefined],
  ['Point abc 2\n', '"abc" is not a number.'],
  ['Pline 2\n1 2\nx 3', '"x" is not a number.'],
  ['Pline 2\n1 2\n3 4;5\n', '"4;5" is not a number.'],
])('MIF %j: %s', async (data, problem) => {
  const header = 'Version 300\nDelimiter ","\nColumns 1\n  x Char(10)\nData\n\n';
  expect(await problemIn(header + data, 'MIF')).toBe(problem);
});

test('UTF-16 is decoded, and the offset is in bytes', async () => {
  const text = `\ufeff${kml('1,2\n3,é')}`;
  const bad = await findBadCoordinate(chunksOf(text, 7, 'utf16le'), 'LIBKML');
  expect(bad?.problem).toBe('"é" is not a number (<coordinates>).');
  expect(bad?.offset).toBeLessThanOrEqual(Buffer.from(text, 'utf16le').indexOf(Buffer.from('é', 'utf16le')));
});

test('a tag without an end is reported, and is not read repeatedly', async () => {
  const bad = await findBadCoordinate(chunksOf(`<kml a="${'x'.repeat(2 ** 22)}`, 2 ** 16), 'LIBKML');
  expect(bad?.problem).toContain('A tag has more than');
});

test('a number that comments divide into many parts is not read repeatedly', async () => {
  const number = '1<!---->'.repeat(900) + ',';
  const numbers = kml(number.repeat(600).replace(/,$/, ''));
  expect(numbers.length).toBeGreaterThan(2 ** 22);
  const bad = await findBadCoordinate(chunksOf(numbers, 2 ** 16), 'LIBKML');
  expect(bad?.problem).toBe('A tuple in <coordinates> has 600 numbers; KML has longitude,latitude[,altitude].');
});

test('text of more than 1,000 characters is not a number', async () => {
  const limit = '1'.repeat(1000);
  expect(await problemIn(kml(`${limit},2`), 'LIBKML')).toBeUndefined();
  for (const text of [`${limit}1,2`, `${limit}1`, '1<!---->'.repeat(1001)])
    expect(await problemIn(kml(text), 'LIBKML')).toBe(`"${'1'.repeat(40)}…" is not a number (<coordinates>).`);
  const parts = kml('1<![CDATA[1]]>'.repeat(300_000));
  const bad = await findBadCoordinate(chunksOf(parts, 2 ** 16), 'LIBKML');
  expect(bad?.offset).toBeLessThan(8000);
});
