import { expect, test } from 'vitest';
import { attachment, parseRange } from './download-headers.ts';

test.each([
  [undefined, undefined],
  ['bytes=0-9', { start: 0, end: 9 }],
  ['bytes=90-', { start: 90, end: 99 }],
  ['bytes=-10', { start: 90, end: 99 }],
  ['bytes=-1000', { start: 0, end: 99 }],
  ['bytes=50-1000', { start: 50, end: 99 }],
  ['BYTES=99-99', { start: 99, end: 99 }],
  ['bytes=9-1', undefined],
  ['bytes=0-1,5-6', undefined],
  ['items=0-1', undefined],
  ['bytes=-', undefined],
  ['bytes=a-b', undefined],
])('parses %s of 100 bytes as %j', (header, range) => {
  expect(parseRange(header, 100)).toEqual(range);
});

test.each(['bytes=100-', 'bytes=100-200', 'bytes=-0'])('rejects %s, which is outside 100 bytes', (header) => {
  expect(() => parseRange(header, 100)).toThrow(
    expect.objectContaining({ code: 'RANGE_INVALID', details: { size_bytes: 100 } }),
  );
});

test.each([
  ['roads-v1.parquet', 'attachment; filename=roads-v1.parquet'],
  ['forêts-v2.parquet', "attachment; filename=forets-v2.parquet; filename*=UTF-8''for%C3%AAts-v2.parquet"],
  ['道路.parquet', "attachment; filename=__.parquet; filename*=UTF-8''%E9%81%93%E8%B7%AF.parquet"],
  ['a"b\\c%.tif', 'attachment; filename="a\\"b\\\\c%.tif"'],
  ["l'île (1)*.tif", "attachment; filename=\"l'ile (1)*.tif\"; filename*=UTF-8''l%27%C3%AEle%20%281%29%2A.tif"],
  ['a\ud800.tif', "attachment; filename=a_.tif; filename*=UTF-8''a%EF%BF%BD.tif"],
])('writes the file name %j', (name, header) => {
  expect(attachment(name)).toBe(header);
});
