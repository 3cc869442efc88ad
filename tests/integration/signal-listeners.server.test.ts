import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { afterAll, beforeAll, expect, test, vi } from 'vitest';
import { postEvent } from '#shared/events/post-event.ts';
import type { Context } from '#shared/runtime/context.ts';
import { withCopyLimit } from '../../functions/load-to-postgis/staging/copy-limit.ts';
import { handler as recordLineage } from '../../functions/record-lineage/handler.ts';
import { handler as archive } from '../../functions/archive/handler.ts';
import { openFunctionContext } from '../function-context.ts';
import { exportAsset, startRun } from '../function-runs.ts';
import { testEvent } from '../fixtures/router.ts';
import { signalReferences } from '../signal-references.ts';

/**
 * Operations that get a signal that lives as long as the process. None of them may leave a listener on it, because each
 * listener keeps the objects of its call in memory.
 */

const CALLS = 10;
const CONTENT = 'größe';

let context: Context & AsyncDisposable;
let folder: string;
beforeAll(async () => {
  context = await openFunctionContext();
  folder = await mkdtemp(join(tmpdir(), 'sluice-signals-'));
});
afterAll(async () => {
  await context[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

/** The references of a signal after the first call, and after CALLS calls. */
async function growth(call: (signal: AbortSignal, index: number) => Promise<unknown>): Promise<number> {
  const { signal } = new AbortController();
  await call(signal, 0);
  const first = signalReferences(signal);
  for (let index = 1; index < CALLS; index += 1) await call(signal, index);
  return signalReferences(signal) - first;
}

const put = (signal: AbortSignal, body: Readable, size: number) =>
  context.objects.putStream('landing-zone', 'signale.txt', body, { size, contentType: 'text/plain', signal });

test('an upload of a stream', async () => {
  const size = Buffer.byteLength(CONTENT);
  expect(await growth((signal) => put(signal, Readable.from([Buffer.from(CONTENT)]), size))).toBe(0);
});

test('an upload of a stream that fails', async () => {
  vi.spyOn(console, 'warn').mockReturnValue(undefined); // The S3 client prints a warning.
  const broken = async (signal: AbortSignal) =>
    expect(put(signal, Readable.from([Buffer.from(CONTENT)]), 1000)).rejects.toMatchObject({ code: 'REQUEST_INVALID' });
  expect(await growth(broken)).toBe(0);
});

test('an upload, a download and a read of a file', async () => {
  const path = join(folder, 'datei.txt');
  await writeFile(path, CONTENT);
  const options = {
    contentType: 'text/plain',
    metadata: {},
    sha256: createHash('sha256').update(CONTENT).digest('hex'),
  };
  const transfer = async (signal: AbortSignal) => {
    await context.objects.upload('data-lake', 'datei.txt', path, { ...options, signal });
    await context.objects.download('data-lake', 'datei.txt', join(folder, 'kopie.txt'), { maxBytes: 100, signal });
    await context.objects.readBytes('data-lake', 'datei.txt', { maxBytes: 100, signal });
  };
  expect(await growth(transfer)).toBe(0);
});

test('a GDAL program', async () => {
  const run = (signal: AbortSignal) =>
    context.gdal.run({ command: 'projinfo', args: ['-q', '-o', 'PROJ', 'EPSG:4326'], drivers: [] }, { signal });
  expect(await growth(run)).toBe(0);
});

test('a session of PostGIS', async () => {
  const { run } = await startRun(context, 'sitzung');
  const step = 'load-to-postgis' as const;
  const request = { runId: run.run_id, step, owner: 'elsewhere/boot/1/1', leaseSeconds: 600 };
  expect(await context.ledger.claimStep(request)).toMatchObject({ outcome: 'claimed', token: 1 });
  const open = async (signal: AbortSignal) =>
    (await context.postgis.openSession({ runId: run.run_id, step, token: 1 }, signal)).close();
  expect(await growth(open)).toBe(0);
});

test('a load with a limit', async () => {
  const session = { query: () => Promise.resolve([]) } as never;
  const load = (signal: AbortSignal) =>
    withCopyLimit(session, { maxBytes: 1, file: 'größe.shp' }, signal, async (limited) =>
      limited.addEventListener('abort', () => undefined),
    );
  expect(await growth(load)).toBe(0);
});

test('a posted event', async () => {
  const server = createServer((request, response) => request.resume().on('end', () => response.end()));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  expect(await growth((signal, index) => postEvent({ url }, testEvent('a', String(index)), signal))).toBe(0);
  server.closeAllConnections();
  server.close();
});

test('the steps of a run', async () => {
  const steps = async (signal: AbortSignal, index: number) => {
    const own = { ...context, signal };
    const { run } = await startRun(own, `lauf ${index}`, { metadata: { tags: { dataset_id: `lauf-${index}` } } });
    const succeeded = await recordLineage(await exportAsset(own, run), own);
    await archive(succeeded ?? expect.unreachable(), own);
  };
  expect(await growth(steps)).toBe(0);
});
