import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { expect, test } from 'vitest';
import { openText } from './open-text.ts';

const folder = await mkdtemp(join(tmpdir(), 'sluice-text-'));
const content = 'id,name\n'.repeat(200_000);
const plain = { path: join(folder, 'a b.csv'), file: 'a b.csv' };
const compressed = { path: join(folder, 'é.csv.gz'), file: 'é.csv.gz' };
await writeFile(plain.path, content);
await writeFile(compressed.path, gzipSync(content));

const open = (source: { path: string; file: string }, signal: AbortSignal) =>
  openText({ ...source, sizeBytes: content.length, encoding: undefined }, { maxBytes: 1e9 }, signal);

async function readAll(chunks: AsyncIterable<Buffer>): Promise<string> {
  const read: Buffer[] = [];
  for await (const chunk of chunks) read.push(chunk);
  return Buffer.concat(read).toString();
}

// An error event without a listener is an uncaught exception, which fails the run of vitest.
test.each([
  ['a plain text', plain],
  ['a compressed text', compressed],
])('an abort at any moment ends the reading of %s', async (_name, source) => {
  expect(await readAll(open(source, new AbortController().signal))).toBe(content);
  await expect(readAll(open(source, AbortSignal.abort()))).rejects.toMatchObject({ name: 'AbortError' });
  // The abort happens after a number of turns of the event loop: before the file is open, after, and between chunks.
  for (let turns = 0; turns < 12; turns++) {
    const controller = new AbortController();
    const reading = readAll(open(source, controller.signal)).then(
      () => 'complete',
      (thrown: unknown) => (thrown as Error).name,
    );
    for (let turn = 0; turn < turns; turn++) await new Promise(setImmediate);
    controller.abort();
    expect(['AbortError', 'complete']).toContain(await reading);
  }
});
