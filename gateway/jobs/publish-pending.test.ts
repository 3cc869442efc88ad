import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SluiceEvent } from '#shared/events/event.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { objectNotification } from '#shared/landing/notifications.ts';
import { startObjectStore, testEnv } from '../../tests/servers.ts';
import { announce, announceWaiting } from './publish-pending.ts';

const AWKWARD = 'manifests/Straßen & Wege/a b+c#1 100%.json';
let store: Awaited<ReturnType<typeof startObjectStore>>;
let objects: ObjectStore;
const notifications: unknown[] = [];
const modified = '2026-05-01T10:00:00.000Z';

beforeAll(async () => {
  store = await startObjectStore((body) => notifications.push(body));
  objects = openObjectStore(testEnv({ S3_ENDPOINT: store.endpoint }));
});
afterAll(async () => {
  objects.close();
  await store.stop();
});

/** What a router needs to be here: it keeps the events, after failing as often as told. */
function recorder(failures: SluiceError[] = []) {
  const events: SluiceEvent[] = [];
  const publish = async (event: SluiceEvent) => {
    const failure = failures.shift();
    if (failure) throw failure;
    events.push(event);
  };
  return {
    events,
    parts: { env: testEnv(), router: { publish }, log: SILENT_LOG, signal: new AbortController().signal },
  };
}

test('an upload of a manifest is announced once, other uploads are not, and the sweep finds the manifests that lie there', async () => {
  await objects.put('landing-zone', AWKWARD, '{}');
  await objects.put('landing-zone', 'b1/roads.zip', 'zip');
  await objects.put('landing-zone', 'manifests/readme.txt', 'no manifest');
  await objects.put('data-lake', 'manifests/x.json', '{}');
  const heard = recorder();
  for (const body of notifications) await announce(body, heard.parts);
  expect(heard.events.map(({ subject }) => subject)).toEqual([AWKWARD]);

  const swept = recorder();
  await announceWaiting({ ...swept.parts, objects });
  expect(swept.events).toMatchObject([{ subject: AWKWARD, type: 'com.amazonaws.s3.ObjectCreated:Put' }]);
});

test('two sweeps announce the same upload under one id, and another content under another', async () => {
  const ids = recorder();
  for (const etag of ['"a"', '"a"', '"b"'])
    await announce(objectNotification('landing-zone', { key: AWKWARD, etag, size: 2, modified }), ids.parts);
  const [first, second, third] = ids.events.map(({ id }) => id);
  expect(second).toBe(first);
  expect(third).not.toBe(first);
});

test('an announcement waits for a queue that is away, and gives up one that can never be stored', async () => {
  const away = recorder([new SluiceError('DATABASE_UNAVAILABLE', 'PostgreSQL is away.')]);
  await announce(objectNotification('landing-zone', { key: AWKWARD, etag: '"a"', size: 2, modified }), away.parts);
  expect(away.events).toHaveLength(1);

  const refused = recorder([new SluiceError('EVENT_INVALID', 'It is too large.')]);
  await announce(objectNotification('landing-zone', { key: AWKWARD, etag: '"a"', size: 2, modified }), refused.parts);
  expect(refused.events).toHaveLength(0);
});
