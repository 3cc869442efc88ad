import { mkdir, mkdtemp, readdir, rm, utimes } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { parseEnv } from '#shared/config/env.ts';
import type { Inspection } from '#shared/contracts/inspection.ts';
import { inspectionRequested, parseInspection } from '#shared/events/inspection.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import type { Context } from './context.ts';
import { answerInspection, INSPECTION_SECONDS, type InspectionRequest, MAX_INSPECTIONS } from './inspection.ts';
import { deleteScratchFolders } from './scratch.ts';

const PATH = 's3://landing-zone/uploads/1/Straßen #1.gpkg';
const EMPTY: Inspection = { layers: [], chosen: null, problem: null };
const event = inspectionRequested(PATH, { file: { path: PATH, type: 'vector', format: 'GPKG' } }, 'c');

let folder: string;
let stopping: AbortController;
let context: Context;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sluice inspection é '));
  stopping = new AbortController();
  context = { env: parseEnv({ SCRATCH_DIR: folder }), signal: stopping.signal } as Context;
});
afterEach(async () => {
  vi.useRealTimers();
  await rm(folder, { recursive: true });
});

/** Reads a file until the signal aborts. */
const untilAborted = ({ signal }: InspectionRequest) =>
  new Promise<never>((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(new Error('aborted')), { once: true });
  });

test('an inspection is aborted at its time limit, with an error that names the file', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  const began = Promise.withResolvers<void>();
  const answer = answerInspection(event, context, (request) => {
    began.resolve();
    return untilAborted(request);
  });
  answer.catch(() => undefined);
  await began.promise;
  expect(await readdir(folder)).toHaveLength(1);
  vi.advanceTimersByTime(INSPECTION_SECONDS * 1000);
  await expect(answer).rejects.toMatchObject({
    code: 'STEP_TIMEOUT',
    message: `${PATH} was not read within 120 s. Start the run without the inspection: its time limit is STEP_TIMEOUT_SECONDS.`,
    details: { file: PATH },
  });
  expect(await readdir(folder)).toEqual([]);
});

test('an aborted inspection counts until its work has ended', async () => {
  const work = Promise.withResolvers<Inspection>();
  const signals: AbortSignal[] = [];
  const held = Array.from({ length: MAX_INSPECTIONS }, () =>
    answerInspection(event, context, ({ signal }) => {
      signals.push(signal);
      return work.promise;
    }),
  );
  await vi.waitFor(() => expect(signals).toHaveLength(MAX_INSPECTIONS));
  stopping.abort();
  expect(signals.every(({ aborted }) => aborted)).toBe(true);
  const next = () => answerInspection(event, context, () => Promise.resolve(EMPTY));
  await expect(next()).rejects.toMatchObject({
    code: 'TOO_MANY_TRANSFERS',
    retryAfterSeconds: 5,
    details: { limit: 4 },
  });
  work.resolve(EMPTY);
  await Promise.all(held);
  expect(parseInspection(await next())).toEqual(EMPTY);
});

test('the folder of an inspection whose process was killed is deleted, and that of a running one is kept', async () => {
  const work = Promise.withResolvers<Inspection>();
  const began = Promise.withResolvers<string>();
  const answer = answerInspection(event, context, (request) => {
    began.resolve(request.folder);
    return work.promise;
  });
  await began.promise;
  const left = join(folder, 'inspection.left');
  await mkdir(left);
  const hourAgo = Date.now() / 1000 - 3600;
  await utimes(left, hourAgo, hourAgo);
  expect(await deleteScratchFolders({ ...context, log: SILENT_LOG })).toBe(1);
  expect(await readdir(folder)).toEqual([basename(await began.promise)]);
  work.resolve(EMPTY);
  await answer;
  expect(await readdir(folder)).toEqual([]);
});
