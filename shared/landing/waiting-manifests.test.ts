import { expect, test } from 'vitest';
import type { ObjectHead } from '#shared/storage/object-store.ts';
import { waitingManifests } from './waiting-manifests.ts';

const object = (key: string, modified: string): ObjectHead => ({ key, modified, size: 2, etag: 'e', metadata: {} });
const lying = [
  object('manifests/a é #1+2.json', '2026-05-01T10:00:00.000Z'),
  object('manifests/notes.txt', '2026-05-01T10:00:00.000Z'),
  object('manifests/b.json', '2026-05-01T10:05:00.000Z'),
];
const objects = {
  async *list() {
    yield* lying;
  },
};
const subjects = async (uploadedBefore?: string) => {
  const found = [];
  for await (const event of waitingManifests(
    objects,
    'landing-zone',
    uploadedBefore === undefined ? {} : { uploadedBefore: new Date(uploadedBefore) },
  ))
    found.push(event.subject);
  return found;
};

test('finds the manifests, whatever their names, and nothing else', async () => {
  expect(await subjects()).toEqual(['manifests/a é #1+2.json', 'manifests/b.json']);
});

test('leaves out those that came so late that their notification may be on its way', async () => {
  expect(await subjects('2026-05-01T10:02:00.000Z')).toEqual(['manifests/a é #1+2.json']);
});
