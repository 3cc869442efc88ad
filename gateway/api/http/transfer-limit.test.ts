import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { TransferLimit } from './transfer-limit.ts';

const tooMany = expect.objectContaining({ code: 'TOO_MANY_TRANSFERS', retryAfterSeconds: 5 }) as unknown;

test('a transfer counts until it has ended, also with an error', async () => {
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
