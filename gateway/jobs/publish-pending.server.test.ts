import { afterAll, beforeAll, expect, test } from 'vitest';
import type { SluiceEvent } from '#shared/events/event.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { SILENT_LOG } from '#shared/log/log.ts';
import type { ObjectStore } from '#shared/storage/object-store.ts';
import { openObjectStore } from '#shared/storage/s3.ts';
import { startObjectStore, testEnv } from '../../tests/servers.ts';
import { objectNotification } from '#shared/landing/notifications.ts';
import { publishUploads } from '../embedded/publish-uploads.ts';
import { publishWaitingManifests } from './publish-pending.ts';

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

/** A router that records the events, after it has thrown `failures`. */
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

test('publishes uploaded manifests, but no other uploads, and finds the manifests in the landing zone', async () => {
  await objects.put('landing-zone', AWKWARD, '{}');
  await objects.put('landing-zone', 'b1/roads.zip', 'zip');
  await objects.put('landing-zone', 'manifests/readme.txt', 'no manifest');
  await objects.put('data-lake', 'manifests/x.json', '{}');
  const uploaded = recorder();
  for (const body of notifications) await publishUploads(body, uploaded.parts);
  expect(uploaded.events.map(({ subject }) => subject)).toEqual([AWKWARD]);

  const swept = recorder();
  await publishWaitingManifests({ ...swept.parts, objects });
  expect(swept.events).toMatchObject([{ subject: AWKWARD, type: 'com.amazonaws.s3.ObjectCreated:Put' }]);
});

test('publishes the same upload with the same id, and other content with another id', async () => {
  const ids = recorder();
  for (const etag of ['"a"', '"a"', '"b"'])
    await publishUploads(objectNotification('landing-zone', { key: AWKWARD, etag, size: 2, modified }), ids.parts);
  const [first, second, third] = ids.events.map(({ id }) => id);
  expect(second).toBe(first);
  expect(third).not.toBe(first);
});

test('retries while the database is unavailable, and gives up after a permanent error', async () => {
  const unavailable = recorder([new SluiceError('DATABASE_UNAVAILABLE', 'PostgreSQL is unavailable.')]);
  await publishUploads(
    objectNotification('landing-zone', { key: AWKWARD, etag: '"a"', size: 2, modified }),
    unavailable.parts,
  );
  expect(unavailable.events).toHaveLength(1);

  const rejected = recorder([new SluiceError('EVENT_INVALID', 'It is too large.')]);
  await publishUploads(
    objectNotification('landing-zone', { key: AWKWARD, etag: '"a"', size: 2, modified }),
    rejected.parts,
  );
  expect(rejected.events).toHaveLength(0);
});
