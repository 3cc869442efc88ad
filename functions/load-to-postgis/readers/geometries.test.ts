import { describe, expect, test } from 'vitest';
import { FlatTable } from './flatbuffer.ts';
import { indexBytes } from './flatgeobuf-file.ts';
import { timeTypeOf } from './table-reader.ts';
import { ewkbOfBlob } from './sqlite-blob.ts';
import { ewkbOf } from './wkb.ts';

const hex = (text: string) => Uint8Array.from(Buffer.from(text.replaceAll(' ', ''), 'hex'));
const double = (value: number) => {
  const bytes = Buffer.alloc(8);
  bytes.writeDoubleLE(value);
  return bytes.toString('hex');
};
const points = (...values: number[]) => values.map(double).join('');

describe('WKB', () => {
  test('gets an SRID, in both byte orders, and keeps Z and M', () => {
    const point = ewkbOf(hex(`01 b90b0000 ${points(1, 2, 3, 4)}`), 4326);
    expect(Buffer.from(point ?? []).toString('hex')).toBe(`01b90b0020e6100000${points(1, 2, 3, 4)}`);
    const big = ewkbOf(hex('00 00000001 3ff0000000000000 4000000000000000'), 4326);
    expect(Buffer.from(big ?? []).toString('hex')).toBe('0020000001000010e63ff00000000000004000000000000000');
  });

  const line = `01 02000000 02000000 ${points(0, 0, 1, 1)}`;
  const ring = (...last: number[]) => `01 03000000 01000000 04000000 ${points(0, 0, 1, 0, 1, 1, ...last)}`;
  test.each([
    ['a line', line],
    ['a closed polygon', ring(0, 0)],
    ['an empty polygon', '01 03000000 00000000'],
    ['a collection', `01 07000000 02000000 ${line} ${ring(0, 0)}`],
    ['a point with further bytes', `01 01000000 ${points(1, 2)} 00`],
  ])('is read: %s', (_name, wkb) => expect(ewkbOf(hex(wkb), 1)).toBeDefined());

  test.each([
    ['no bytes', ''],
    ['an unknown byte order', `02 01000000 ${points(1, 2)}`],
    ['an unknown type', `01 63000000 ${points(1, 2)}`],
    ['a point that is cut', '01 01000000 0000'],
    ['a line of one point', `01 02000000 01000000 ${points(1, 2)}`],
    ['more points than bytes', `01 02000000 ffffffff ${points(0, 0, 1, 1)}`],
    ['a polygon that is not closed', ring(0, 1)],
    ['a multipoint of lines', `01 04000000 01000000 ${line}`],
    ['a nesting of 1,000 levels', '01 07000000 01000000'.repeat(1000) + line],
  ])('is not read: %s', (_name, wkb) => expect(ewkbOf(hex(wkb), 1)).toBeUndefined());
});

describe('a blob of SpatiaLite', () => {
  const start = `00 01 e6100000 ${points(0, 0, 9, 9)} 7c`;
  const float = (value: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeFloatLE(value);
    return bytes.toString('hex');
  };

  test('is read with compressed points, parts and Z', () => {
    const compressed = `${start} 42420f00 03000000 ${points(1, 2)} ${float(0.5)}${float(0.25)} ${points(9, 9)} fe`;
    expect(Buffer.from(ewkbOfBlob(hex(compressed), 4326) ?? []).toString('hex')).toBe(
      `0102000020e610000003000000${points(1, 2, 1.5, 2.25, 9, 9)}`,
    );
    const parts = `${start} ec030000 01000000 69 e9030000 ${points(1, 2, 3)} fe`;
    expect(Buffer.from(ewkbOfBlob(hex(parts), 4326) ?? []).toString('hex')).toBe(
      `01ec030020e61000000100000001e9030000${points(1, 2, 3)}`,
    );
  });

  test('is not read when it is cut, or declares too many points', () => {
    expect(ewkbOfBlob(hex(`${start} 02000000 02000000 ${points(1, 2)} fe`), 1)).toBeUndefined();
    expect(ewkbOfBlob(hex(`${start} 02000000 ffffff7f ${points(1, 2)} fe`), 1)).toBeUndefined();
    expect(ewkbOfBlob(hex('deadbeef'), 1)).toBeUndefined();
  });
});

test('a damaged FlatBuffers message throws RangeError', () => {
  expect(() => FlatTable.root(hex('ffffff7f'))).toThrow(RangeError);
  expect(() => FlatTable.root(hex('04000000 ffffff7f'))).toThrow(RangeError);
});

test('the index of a FlatGeobuf file has 40 bytes for each node', () => {
  expect([0, 1, 2, 16, 17].map((count) => indexBytes(count, 16) / 40)).toEqual([0, 2, 3, 17, 20]);
  expect(indexBytes(100, 0)).toBe(0);
});

test.each([
  ['2024-02-29', 'date'],
  ['2023-02-29', undefined],
  ['2024-02-29T10:00:00', 'timestamp without time zone'],
  ['2024-02-29T10:00:00.123456Z', 'timestamp with time zone'],
  ['2024-02-29T10:00:00.1234567Z', undefined],
  ['2024-02-29T25:00:00', undefined],
  ['10:30', 'time without time zone'],
  ['25:30:00', undefined],
  ['2:1', undefined],
])('%s is a text of type %s', (text, type) => expect(timeTypeOf(text)).toBe(type));
