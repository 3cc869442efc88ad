import { once } from 'node:events';
import { mkdtemp, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { readFileStream, writeFileStream } from './file-streams.ts';

type Stream = NodeJS.EventEmitter & { errored: Error | null };
const untilClosed = (stream: Stream) => new Promise((closed) => stream.on('close', closed));

const folder = await mkdtemp(join(tmpdir(), 'sluice-streams-'));
const path = join(folder, 'a b#.txt');
await writeFile(path, 'text');

// An error event without a listener is an uncaught exception, which fails the run of vitest.
test('a stream without a reader does not end the process when its signal aborts', async () => {
  const later = new AbortController();
  const streams = [AbortSignal.abort(), later.signal].map((signal) => readFileStream(path, { signal }));
  const closed = streams.map(untilClosed);
  await once(streams[1] as Stream, 'open');
  later.abort();
  await Promise.all(closed);
  expect(streams.map((stream) => stream.errored?.name)).toEqual(['AbortError', 'AbortError']);
});

test('a stream without a reader does not end the process when its file cannot be opened', async () => {
  const streams: Stream[] = [readFileStream(join(folder, 'missing')), writeFileStream(join(folder, 'missing', 'file'))];
  await Promise.all(streams.map(untilClosed));
  expect(streams.map((stream) => (stream.errored as NodeJS.ErrnoException).code)).toEqual(['ENOENT', 'ENOENT']);
});

test('the reader gets the error', async () => {
  const chunks = async () => {
    for await (const _ of readFileStream(path, { signal: AbortSignal.abort() })) break;
  };
  await expect(chunks()).rejects.toMatchObject({ name: 'AbortError' });
});
