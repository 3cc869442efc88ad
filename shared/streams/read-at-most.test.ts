import { Readable } from 'node:stream';
import { expect, test } from 'vitest';
import { readAtMost } from './read-at-most.ts';

const tooLarge = () => new RangeError('too large');

test('reads a stream up to the limit', async () => {
  const chunks = Readable.from([Buffer.from('grö'), Buffer.from('ße')]);
  expect((await readAtMost(chunks, 7, tooLarge)).toString()).toBe('größe');
  expect(await readAtMost(Readable.from([]), 0, tooLarge)).toEqual(Buffer.alloc(0));
});

test('stops reading a stream that is longer', async () => {
  let sent = 0;
  function* endless() {
    for (;;) {
      sent += 10;
      yield Buffer.alloc(10);
    }
  }
  const stream = Readable.from(endless(), { highWaterMark: 1 });
  await expect(readAtMost(stream as AsyncIterable<Buffer>, 100, tooLarge)).rejects.toThrow('too large');
  expect(stream.destroyed).toBe(true);
  expect(sent).toBeLessThan(200);
});
