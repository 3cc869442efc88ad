import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { attachment, parseRange, TransferLimit } from './transfers.ts';

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

const tooMany = expect.objectContaining({ code: 'TOO_MANY_TRANSFERS', retryAfterSeconds: 5 }) as unknown;

test('a transfer counts until it has ended, even with an error', async () => {
  const limit = new TransferLimit('uploads', 1);
  const upload = Promise.withResolvers<string>();
  const running = limit.during(() => upload.promise);
  await expect(limit.during(async () => 'second')).rejects.toEqual(tooMany);
  upload.reject(new Error('The client is gone.'));
  await expect(running).rejects.toThrow('The client is gone.');
  expect(await limit.during(async () => 'third')).toBe('third');
});

test('a stream counts until it is closed: read, destroyed, or not opened', async () => {
  const limit = new TransferLimit('downloads', 1);
  const open = () => limit.untilClosed(async () => Readable.from(['a', 'b']));
  const read = await open();
  await expect(open()).rejects.toEqual(tooMany);
  expect(await read.toArray()).toEqual(['a', 'b']);
  const destroyed = await open();
  destroyed.destroy();
  await expect.poll(() => destroyed.closed).toBe(true);
  await expect(limit.untilClosed(() => Promise.reject(new Error('missing')))).rejects.toThrow('missing');
  expect(await limit.untilClosed(async () => Readable.from([]).destroy())).toMatchObject({ destroyed: true });
  expect((await open()).destroyed).toBe(false);
});
