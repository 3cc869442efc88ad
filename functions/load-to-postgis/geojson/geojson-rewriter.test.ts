import { expect, test } from 'vitest';
import { GeoJsonRewriter } from './geojson-rewriter.ts';
import { JsonFacts } from './json-facts.ts';

function rewrite(text: string, chunkBytes = 1000, wrapped = new Set<number>()) {
  const rewriter = new GeoJsonRewriter(wrapped);
  const bytes = Buffer.from(text);
  const parts: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += chunkBytes)
    parts.push(...rewriter.add(bytes.subarray(at, at + chunkBytes)));
  return { text: Buffer.concat(parts).toString(), rewriter };
}

const feature = (properties: string, more = '') =>
  `{"type":"Feature"${more},"properties":${properties},"geometry":{"type":"Point","coordinates":[1.50,2e0]}}`;

test('turns numbers, booleans, objects and arrays of properties into strings, in chunks of any size', () => {
  const properties = String.raw`{ "a\"é" : 1.50 , "b":[1, "x]\"" ],"c":{"properties":{"id":1}},"d":null,"e":"s\\","f":true}`;
  const collection = (body: string) => `{"crs":{"properties":{"x":1}},"n":1,"features":[${body}, ${body}]}`;
  const expected = String.raw`{ "a\"é" : "1.50" , "b":"[1, \"x]\\\"\" ]","c":"{\"properties\":{\"id\":1}}","d":null,"e":"s\\","f":"true"}`;
  for (const chunkBytes of [1, 2, 3, 7, 1000]) {
    const { text, rewriter } = rewrite(collection(feature(properties, ',"id":5')), chunkBytes);
    expect(text).toBe(collection(feature(expected, ',"id":"5"')));
    expect([...rewriter.facts.properties.keys()]).toEqual(['a"é', 'b', 'c', 'e', 'f']);
    expect(rewriter.facts.ids?.column().copied).toBe('integer');
  }
});

test.each([
  ['{"a":1,"a":2}', '', 'a'],
  [String.raw`{"b":null,"a":"x","\u0061":null}`, '', 'a'],
  ['{"a":{"b":1,"b":2},"c":1,"a":[]}', '', 'a'],
  ['{}', ',"id":1,"id":2', 'id'],
  ['{"x":1}', ',"properties":{"y":1}', 'properties'],
])('counts features with a key twice: %s%s', (properties, more, first) => {
  const body = [feature('{"a":1,"id":1,"c":null,"c":2,"o":{"b":1,"b":2}}', ',"id":1'), feature(properties, more)];
  for (const chunkBytes of [1, 7, 1000]) {
    const { rewriter } = rewrite(`{"features":[${[...body, ...body].join(',')}]}`, chunkBytes);
    expect(rewriter.facts.repeatedKeys).toEqual({ features: 2, first });
  }
});

test('separates the features of a sequence', () => {
  const { text, rewriter } = rewrite(`\u001e${feature('{"a":1}')}\n\u001e${feature('{"a":2}')}\n`);
  expect(text).toBe(`\n${feature('{"a":"1"}')}\n\n,${feature('{"a":"2"}')}\n`);
  expect([rewriter.texts, rewriter.isReadable, rewriter.geometries]).toEqual([2, true, []]);
  expect(rewrite(`${feature('{}')} {"type":"FeatureCollection"}`).rewriter.isReadable).toBe(false);
});

test('writes a geometry of a sequence as a feature', () => {
  const sequence = `${feature('{"a":1}')} {"type":"Point","coordinates":[1,2]}\n`;
  const { rewriter } = rewrite(sequence);
  expect([rewriter.isReadable, rewriter.geometries]).toEqual([true, [2]]);
  expect(rewrite(sequence, 3, new Set([2])).text).toBe(
    `${feature('{"a":"1"}')} ,{"type":"Feature","properties":{},"geometry":{"type":"Point","coordinates":[1,2]}}\n`,
  );
});

test('reads other members of a feature like properties, and counts those beside properties', () => {
  const members = ',"n":0.30000000000000004,"o":{"x":1},"bbox":[1,2]';
  const rewritten = ',"n":"0.30000000000000004","o":"{\\"x\\":1}","bbox":[1,2]';
  for (const wrap of [(body: string) => body, (body: string) => `{"n":5,"features":[${body}]}`]) {
    const { text, rewriter } = rewrite(wrap(feature('{"a":1}', members)));
    expect(text).toBe(wrap(feature('{"a":"1"}', rewritten)));
    expect([...rewriter.facts.members.keys()]).toEqual(['n', 'o']);
    expect(rewriter.facts.droppedMembers).toBe(1);
  }
  expect(rewrite(`{"type":"Feature"${members},"geometry":null}`).rewriter.facts.droppedMembers).toBe(0);
});

test('leaves tokens that are not JSON to GDAL, and counts ids that differ from the property id', () => {
  expect(rewrite(feature('{"a":01,"b":nul}')).text).toBe(feature('{"a":01,"b":nul}'));
  const ids = `{"features":[${feature('{"id":7}', ',"id":7')},${feature('{"id":7}', ',"id":8')}]}`;
  expect(rewrite(ids).rewriter.facts.hiddenIds).toBe(1);
});

test('counts positions with more than three numbers', () => {
  const of = (type: string, coordinates: string) => `{"bbox":[1,2,3,4],"type":"${type}","coordinates":${coordinates}}`;
  const geometries = [
    of('Point', '[1,2,3]'),
    of('Point', '[1,2,3,4]'),
    of('LineString', '[[1,2,3,4],[1,2,3,5],[1,2],[3,4],[5,6]]'),
    `{"type":"GeometryCollection","geometries":[${of('Point', '[1,2,3,4,5]')}]}`,
  ];
  const features = geometries.map(
    (geometry) =>
      `{"type":"Feature","bbox":[1,2,3,4],"x":[1,2,3,4],"geometry":${geometry},"properties":{"a":[1,2,3,4]}}`,
  );
  for (const text of [
    `{"bbox":[1,2,3,4],"features":[${features.join(',')}]}`,
    features.join('\n'),
    geometries.join('\n'),
  ])
    for (const chunkBytes of [1, 2, 3, 7, 1000])
      expect(rewrite(text, chunkBytes).rewriter.facts.geometries.longPositions).toBe(4);
});

test.each([-1, 0, 1, 2])('counts no bbox whose key begins %s bytes after the start of a chunk', (offset) => {
  const chunkBytes = 2 ** 20;
  const geometry = '{"type":"Point","coordinates":[1,2],"bbox":[1,2,3,4]}';
  const start = '{"type":"Feature","properties":{},"geometry":';
  const blanks = ' '.repeat(chunkBytes + offset - start.length - geometry.indexOf('"bbox"'));
  const { rewriter } = rewrite(`${blanks}${start}${geometry}}`, chunkBytes);
  expect(rewriter.facts.geometries.longPositions).toBe(0);
});

test.each(['"crs":{"x":[1,2,3,4]}', '"b":1,"crs":[1,2,3,4]', '"code":"coo","c":[[1,2,3,4]]'])(
  'counts no numbers of another member of a geometry as a position: %s',
  (member) => {
    for (const coordinates of ['[1,2]', '[1,2,3,4]'])
      for (const geometry of [
        `{"type":"Point","coordinates":${coordinates},${member}}`,
        `{${member},"type":"Point","coordinates":${coordinates}}`,
        `{"type":"GeometryCollection","geometries":[{${member},"type":"Point","coordinates":${coordinates}}]}`,
      ])
        for (const text of [geometry, `{"features":[{"type":"Feature","properties":{},"geometry":${geometry}}]}`])
          for (const chunkBytes of [1, 7, 1000])
            expect(rewrite(text, chunkBytes).rewriter.facts.geometries.longPositions).toBe(
              coordinates === '[1,2]' ? 0 : 1,
            );
  },
);

const FOUR = '"coordinates":[1,2,3,4]';

test.each([
  ['a property', `{"type":"Feature","properties":{${FOUR}},"geometry":POINT}`],
  ['an object in the properties', `{"type":"Feature","properties":{"geometry":{${FOUR}}},"geometry":POINT}`],
  ['a member of a feature', `{"type":"Feature",${FOUR},"properties":{},"geometry":POINT}`],
  ['a member after the geometry', `{"type":"Feature","properties":{},"geometry":POINT,${FOUR}}`],
  ['an object in a feature', `{"type":"Feature","properties":{},"geometry":POINT,"foo":{${FOUR}},"center":{${FOUR}}}`],
  ['an object in a geometry', '{"type":"Feature","properties":{},"geometry":WITH_FOREIGN}'],
])('counts no position of %s, and those of the geometry', (_place, template) => {
  for (const [point, count] of [
    ['"type":"Point","coordinates":[1,2]', 0],
    ['"type":"Point","coordinates":[1,2,3,4]', 1],
    ['"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2,3,4],"b":[1,2,3,4]},{}],"a":1', 1],
  ] as const)
    for (const foreign of [`"foo":{${FOUR}}`, `"foo":[{"geometries":[{${FOUR}}]}]`]) {
      const body = template.replace('POINT', `{${point}}`);
      for (const feature of [
        body.replace('WITH_FOREIGN', `{${foreign},${point}}`),
        body.replace('WITH_FOREIGN', `{${point},${foreign}}`),
      ])
        for (const text of [
          feature,
          `${feature}\n${feature}`,
          `{${FOUR},"geometry":{${FOUR}},"features":[${feature}]}`,
        ])
          for (const chunkBytes of [1, 7, 1000])
            expect(rewrite(text, chunkBytes).rewriter.facts.geometries.longPositions).toBe(
              count * (text.includes('\n') ? 2 : 1),
            );
    }
});

test.each([
  ['"type":"LineString","coordinates":[[1,2],[3,4]]', 0, ''],
  ['"type":"LineString","coordinates":[[1,2,3],[3,4]]', 1, ''],
  ['"coordinates":[[1,2,3,4],[3,4,5]],"bbox":[1,2],"crs":null,"type":"LineString"', 0, ''],
  ['"a\u0062":[[1,2],[1,2,3]],"c":1,"type":"Point","coordinates":[1,2]', 0, 'ab'],
  [
    '"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2,3]},{"type":"Point","coordinates":[1,2]}]',
    1,
    '',
  ],
  [
    '"type":"GeometryCollection","geometries":[{"type":"Point","coordinates":[1,2],"x":{"coordinates":[1,2,3]}}]',
    0,
    'x',
  ],
])('finds heights that GDAL adds, and members of geometries that it drops: %s', (geometry, mixedHeights, first) => {
  const body = feature('{}').replace(/"geometry":.*/, `"geometry":{${geometry}}}`);
  for (const text of [body, `${body}\n${body}`, `{"features":[${feature('{}')},${body},${feature('{}')}]}`])
    for (const chunkBytes of [1, 1000]) {
      const { geometries } = rewrite(text, chunkBytes).rewriter.facts;
      const count = text.includes('\n') ? 2 : 1;
      expect(geometries.mixedHeights).toBe(mixedHeights * count);
      expect(geometries.foreign).toEqual({ geometries: first === '' ? 0 : count, first });
    }
});

test('counts members of features that GDAL never reads', () => {
  const { facts } = rewrite(
    `{"center":1,"features":[${feature('{"center":1}', ',"center":[1,2],"bbox":[1]')}]}`,
  ).rewriter;
  expect([facts.droppedMembers, [...facts.unreadMembers]]).toEqual([1, ['center']]);
  expect(rewrite(feature('{}', ',"coordinates":[1,2]')).rewriter.facts.droppedMembers).toBe(1);
});

test('counts strings with an unpaired surrogate', () => {
  const texts = String.raw`{"a":"\ud83d","b":"\ud83d\ude97","c":"\\ud83d","d":"x\udc00"}`;
  for (const chunkBytes of [1, 5, 1000]) expect(rewrite(feature(texts), chunkBytes).rewriter.facts.brokenTexts).toBe(2);
});

const typeOf = (...values: string[]) => {
  const facts = new JsonFacts();
  for (const value of values)
    if (value.startsWith('"')) facts.addString(Buffer.from(value));
    else if (/^[[{]/.test(value)) facts.addNested(value);
    else facts.addScalar(value);
  const { copied, array, isMixed } = facts.column();
  return isMixed ? `mixed ${copied}` : (array?.type ?? copied);
};

test.each([
  [['1', '-2'], 'integer'],
  [['1', '5000000000'], 'bigint'],
  [['18446744073709551615'], 'numeric'],
  [['1', '0.30000000000000004'], 'double precision'],
  [['1234567890123456.0'], 'double precision'],
  [['0.1234567890123456789'], 'numeric'],
  [['9007199254740993', '0.5'], 'numeric'],
  [['NaN', '1.5'], 'double precision'],
  [['true', 'false'], 'boolean'],
  [['"00123"', '"+5"'], 'character varying'],
  [['"2:1"', '"3:0"'], 'character varying'],
  [['"10:30"', '"11:45"'], 'character varying'],
  [['"20240131"'], 'character varying'],
  [['"2024-1"'], 'character varying'],
  [['"2024-01-31"', '""'], 'character varying'],
  [['"2024-01-31"', '"2024-02-29"'], 'date'],
  [['"2024-01-31T10:00:00.123456+02:00"'], 'timestamp with time zone'],
  [['"10:00:01"'], 'time without time zone'],
  [['[1,2]', '[]'], 'integer[]'],
  [['[0.1, null]'], 'json'],
  [['["a","é"]', '[null]'], 'character varying[]'],
  [['["a",1]'], 'json'],
  [['{"a":1}', '[1]'], 'json'],
  [['1', '{"a":1}'], 'json'],
  [['1', '"a"'], 'mixed character varying'],
])('%j is stored as %s', (values, type) => expect(typeOf(...values)).toBe(type));
