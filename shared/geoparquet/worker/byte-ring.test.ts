import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { createRing, resetRing, RingReader, RingWriter } from './byte-ring.ts';

const never = new AbortController().signal;

/** Reads the ring in another thread to its end, and returns the sum of the bytes and their count. */
function sumInThread(ring: SharedArrayBuffer): Promise<{ sum: number; count: number; end: number | string }> {
  const source = `
    const { parentPort, workerData } = require('node:worker_threads');
    import(workerData.module).then(({ RingReader }) => {
      const reader = new RingReader(workerData.ring);
      const target = new Uint8Array(777);
      let sum = 0, count = 0, read;
      while (typeof (read = reader.read(target)) === 'number' && read > 0) { count += read; for (let i = 0; i < read; i++) sum += target[i]; }
      parentPort.postMessage({ sum, count, end: read });
    });`;
  const worker = new Worker(source, {
    eval: true,
    workerData: { ring, module: new URL('./byte-ring.ts', import.meta.url).href },
  });
  return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
}

test('passes every byte to another thread, in chunks larger and smaller than the ring', async () => {
  const ring = createRing(1024);
  const read = sumInThread(ring);
  const writer = new RingWriter(ring);
  let sum = 0;
  let count = 0;
  for (const size of [1, 1024, 5000, 0, 3, 100_000]) {
    const chunk = Uint8Array.from({ length: size }, (_, index) => (index * 7 + size) & 0xff);
    sum += chunk.reduce((total, byte) => total + byte, 0);
    count += size;
    await writer.write(chunk, never);
  }
  writer.end();
  expect(await read).toEqual({ sum, count, end: 0 });
});

test('the reader of an incomplete stream gets broken', async () => {
  const ring = createRing(1024);
  const read = sumInThread(ring);
  const writer = new RingWriter(ring);
  await writer.write(new Uint8Array(10), never);
  writer.break();
  expect(await read).toMatchObject({ end: 'broken' });
});

test('a write to a full ring rejects when the signal aborts', async () => {
  const stop = new AbortController();
  const writing = new RingWriter(createRing(1024)).write(new Uint8Array(2000), stop.signal);
  stop.abort();
  await expect(writing).rejects.toMatchObject({ name: 'AbortError' });
});

test('can be reused', async () => {
  const ring = createRing(1024);
  const target = new Uint8Array(10);
  for (const byte of [1, 2]) {
    resetRing(ring);
    const writer = new RingWriter(ring);
    await writer.write(Uint8Array.of(byte), never);
    writer.end();
    const reader = new RingReader(ring);
    expect([reader.read(target), target[0], reader.read(target)]).toEqual([1, byte, 0]);
  }
});
