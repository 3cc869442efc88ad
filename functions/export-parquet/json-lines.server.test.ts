import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openTabularFixture, type TabularFixture } from '../../tests/fixtures/tabular.ts';

let fixture: TabularFixture;
beforeAll(async () => {
  fixture = await openTabularFixture();
});
afterAll(() => fixture[Symbol.asyncDispose]());

test('JSON types are kept: strings are text or times, objects are json, several types are text; other lines are rejected', async () => {
  const { rows, types, asset } = await fixture.ingest({
    name: 'x.jsonl',
    format: 'JSONL',
    body: [
      '{"zip":"8001","n":1,"x":1.5,"ok":true,"at":"2024-01-05T10:00:00Z","tags":["a",{"b":1}],"mix":1,"a/b~c":"p","big":12345678901234567890,"n\\"q":null}',
      'not json',
      '[1,2]',
      '{"zip":null,"n":-2,"x":2,"mix":"z","late":"é \\u0041","tags":[]}',
      '',
    ].join('\n'),
  });
  expect(types).toEqual({
    zip: 'text',
    n: 'bigint',
    x: 'double precision',
    ok: 'boolean',
    at: 'timestamp with time zone',
    tags: 'json',
    mix: 'text',
    'a/b~c': 'text',
    big: 'text',
    'n"q': 'text',
    late: 'text',
  });
  expect(rows).toEqual([
    {
      zip: '8001',
      n: 1n,
      x: 1.5,
      ok: true,
      at: new Date('2024-01-05T10:00:00Z'),
      tags: ['a', { b: 1 }],
      mix: '1',
      'a/b~c': 'p',
      big: '12345678901234567890',
      'n"q': null,
      late: null,
    },
    {
      zip: null,
      n: -2n,
      x: 2,
      ok: null,
      at: null,
      tags: [],
      mix: 'z',
      'a/b~c': null,
      big: null,
      'n"q': null,
      late: 'é A',
    },
  ]);
  expect(asset.rejected_rows).toEqual({
    count: 2,
    sample: [
      { line: 2, reason: 'is not a JSON object' },
      { line: 3, reason: 'is not a JSON object' },
    ],
  });
  expect(asset.quality.notes).toContainEqual(
    expect.objectContaining({
      code: 'COLUMN_MIXED',
      column: 'mix',
      message: 'Column "mix" has numbers and strings, so all of its values are text.',
    }),
  );
});

test('a repeated key rejects the line', async () => {
  const lines = ['{"id":1,"v":0.5}', '{"id":2,"v":1,"v":2}', '{"id":3,"v":0.30000000000000004}', '{"id":4,"v":1e5}'];
  const { rows, asset } = await fixture.ingest({ name: 'x.jsonl', format: 'JSONL', body: `${lines.join('\n')}\n` });
  expect(rows.map(({ v }) => v)).toEqual([0.5, 0.1 + 0.2, 1e5]);
  expect(asset.rejected_rows).toEqual({ count: 1, sample: [{ line: 2, reason: 'has a key twice' }] });
  expect(asset.quality.notes.map(({ code }) => code)).toEqual(['ROWS_REJECTED']);
});

test('numbers and nested values keep their text', async () => {
  const nested = [
    String.raw`{"a":1,"a":2,"n":[1.0, 1.10,1E5,-0,12345678901234567890123,0.1234567890123456789],"s":"\u00e9\/\"é\t"}`,
    String.raw`{ "0" : { "b":[], "b":"]}" } }`,
    '[1.0,[],"x"]',
    '{}',
  ];
  const mixed = ['1.10', '"1.10"', '1e5', '{"0":1.50}', 'null', '0.00001', '-0.5', '100.0', '7', 'true'];
  const lines = [
    ...nested.map((text) => `{"id":1,"o":${text}}`),
    ...mixed.map((text) => `{"id":2,"m":${text}}`),
    '{"id":3,"d":0.1234567890123456789,"e":1.50}',
    '{"id":3,"d":7.5,"e":2E-3}',
  ];
  const { rows, types, asset, bytes, metadata } = await fixture.ingest({
    name: 'x.jsonl',
    format: 'JSONL',
    body: lines.join('\r\n'),
  });
  expect(types).toEqual({ id: 'bigint', o: 'json', m: 'text', d: 'numeric(20,19)', e: 'double precision' });
  // The reader parses columns of type json.
  const schema = metadata.schema.map((column) =>
    column.name === 'o'
      ? { ...column, converted_type: 'UTF8' as const, logical_type: { type: 'STRING' as const } }
      : column,
  );
  const file = Uint8Array.from(bytes).buffer;
  const texts = await parquetReadObjects({ file, metadata: { ...metadata, schema }, compressors });
  expect(texts.slice(0, 4).map(({ o }) => o as unknown)).toEqual(nested);
  expect(rows.slice(4, 14).map(({ m }) => m)).toEqual(
    mixed.map((text) => (text === 'null' ? null : text.replaceAll(/^"|"$/g, ''))),
  );
  // The reader returns decimals as doubles.
  expect(rows.slice(14).map(({ d, e }) => [d, e])).toEqual([
    [0.12345678901234568, 1.5],
    [7.5, 0.002],
  ]);
  expect(asset.quality.notes.map(({ code }) => code)).toEqual(['COLUMN_MIXED']);
  expect(asset.rejected_rows?.count).toBe(0);
});

test('-0 and integers of more than 64 bits keep their value', async () => {
  const long = '12345678901234567890123';
  const body = `{"z":-0,"n":${long},"b":-9223372036854775808}\n{"z":1,"n":-1,"b":9223372036854775807}\n`;
  const { rows, types } = await fixture.ingest({ name: 'x.jsonl', format: 'JSONL', body });
  expect(types).toEqual({ z: 'double precision', n: 'text', b: 'bigint' });
  expect(rows).toEqual([
    { z: -0, n: long, b: -9223372036854775808n },
    { z: 1, n: '-1', b: 9223372036854775807n },
  ]);
});

test('strings of JSON that are not times are text without a note', async () => {
  const { types, asset } = await fixture.ingest({ name: 'x.jsonl', format: 'JSONL', body: '{"a":"12:00","b":""}\n' });
  expect(types).toEqual({ a: 'text', b: 'text' });
  expect(asset.quality.notes).toEqual([]);
});
