import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { ObjectHead } from '#shared/storage/object-store.ts';
import { eventsOfNotification, isManifestUpload, listManifestEvents, readNotification } from './notifications.ts';

/** A webhook body of MinIO for the key. */
function minioBody(key: string, record: Record<string, unknown> = {}) {
  return {
    EventName: 's3:ObjectCreated:Put',
    Key: 'landing-zone/not used',
    Records: [
      {
        eventVersion: '2.0',
        eventSource: 'minio:s3',
        awsRegion: 'eu-west-2',
        eventTime: '2026-01-02T03:04:05.678Z',
        eventName: 's3:ObjectCreated:Put',
        responseElements: { 'x-amz-request-id': '18A1', 'x-amz-id-2': 'dd9025' },
        s3: {
          bucket: { name: 'landing-zone', arn: 'arn:aws:s3:::landing-zone' },
          object: { key, eTag: 'abc', sequencer: '17' },
        },
        ...record,
      },
    ],
  };
}

test('follows the CloudEvents S3 adapter', () => {
  const body = minioBody('manifests%2Fb1.json');
  expect(eventsOfNotification(body)).toEqual([
    {
      specversion: '1.0',
      id: '18A1.dd9025',
      source: 'minio:s3.eu-west-2.landing-zone',
      type: 'com.amazonaws.s3.ObjectCreated:Put',
      subject: 'manifests/b1.json',
      time: '2026-01-02T03:04:05.678Z',
      datacontenttype: 'application/json',
      data: body.Records[0],
    },
  ]);
});

test.each([
  ['manifests%2FRoads+%231+%C3%A9.json', 'manifests/Roads #1 é.json'],
  ['manifests%2Fa%2Bb.json', 'manifests/a+b.json'],
  ['manifests/%F0%9F%97%BA.json', 'manifests/🗺.json'],
  ['manifests%2F100%25.json', 'manifests/100%.json'],
])('decodes the key %s', (escaped, key) => {
  expect(eventsOfNotification(minioBody(escaped))[0]?.subject).toBe(key);
});

test('does not decode the keys of the embedded store', () => {
  const record = {
    eventSource: 'aws:s3',
    eventName: 'ObjectCreated:Put',
    s3: {
      bucket: { name: 'landing-zone', arn: 'arn:aws:s3: : :landing-zone' },
      object: { key: 'manifests/a+b 100% é.json' },
    },
  };
  const [event] = eventsOfNotification(minioBody('', record));
  expect(event).toMatchObject({ subject: 'manifests/a+b 100% é.json', type: 'com.amazonaws.s3.ObjectCreated:Put' });
  expect(isManifestUpload(event!, 'landing-zone')).toBe(true);
});

test('without request ids, the event id depends on the object and its upload only', () => {
  const id = (key: string, eTag: string) => {
    const record = {
      responseElements: {},
      s3: { bucket: { name: 'landing-zone' }, object: { key, eTag, sequencer: '1' } },
    };
    return eventsOfNotification(minioBody('', record))[0]?.id;
  };
  expect(id('manifests/a.json', 'x')).toBe(id('manifests%2Fa.json', 'x'));
  expect(id('manifests/a.json', 'x')).not.toBe(id('manifests/a.json', 'y'));
});

test.each([
  ['manifests%2Fb1.json', {}, true],
  ['manifests%2Fdeep%2Fb1.json', {}, true],
  ['manifests%2Fb1.txt', {}, false],
  ['other%2Fb1.json', {}, false],
  ['archive%2Fmanifests%2Fb1.json', {}, false],
  ['manifests%2Fb1.json', { eventName: 's3:ObjectRemoved:Delete' }, false],
  ['manifests%2Fb1.json', { eventName: 's3:ObjectCreated:PutTagging' }, false],
  ['manifests%2Fb1.json', { eventName: 's3:ObjectCreated:CompleteMultipartUpload' }, true],
  ['', { s3: { bucket: { name: 'data-lake' }, object: { key: 'manifests%2Fb1.json' } } }, false],
])('%s %j is the upload of a manifest: %s', (key, record, expected) => {
  const [event] = eventsOfNotification(minioBody(key, record));
  expect(isManifestUpload(event!, 'landing-zone')).toBe(expected);
});

test('skips an invalid record and reads the valid one beside it', () => {
  const body = minioBody('manifests%2Fb1.json');
  const { events, problems } = readNotification({
    Records: [null, ...body.Records, ...minioBody('manifests%2F%ZZ.json').Records],
  });
  expect(events.map((event) => event.subject)).toEqual(['manifests/b1.json']);
  expect(problems).toHaveLength(2);
  expect(problems[1]).toBe('Records[2].s3.object.key is not valid percent-encoding.');
});

test('never throws, for any body', () => {
  fc.assert(fc.property(fc.jsonValue(), (body) => Array.isArray(eventsOfNotification(body))));
  fc.assert(
    fc.property(fc.string(), (key) => {
      eventsOfNotification(minioBody(key));
    }),
  );
  expect(readNotification('not an object').problems).toEqual(['The body has no list of Records.']);
});

const object = (key: string, modified: string): ObjectHead => ({ key, modified, size: 2, etag: 'e', metadata: {} });
const stored = [
  object('manifests/a é #1+2.json', '2026-05-01T10:00:00.000Z'),
  object('manifests/notes.txt', '2026-05-01T10:00:00.000Z'),
  object('manifests/b.json', '2026-05-01T10:05:00.000Z'),
];
const objects = {
  async *list() {
    yield* stored;
  },
};
const subjects = async (isDue?: (uploadedAt: number) => boolean) => {
  const found = [];
  for await (const event of listManifestEvents(objects, 'landing-zone', isDue)) found.push(event.subject);
  return found;
};

test('lists an event for each manifest with any name, and for no other object', async () => {
  expect(await subjects()).toEqual(['manifests/a é #1+2.json', 'manifests/b.json']);
});

test('omits manifests by the time of their upload', async () => {
  expect(await subjects((uploadedAt) => uploadedAt < Date.parse('2026-05-01T10:02:00.000Z'))).toEqual([
    'manifests/a é #1+2.json',
  ]);
});

test('reads the first 1,000 of 300,000 records, and reports the others', () => {
  const { events, problems } = readNotification({ Records: Array.from({ length: 300_000 }, () => ({})) });
  expect([events.length, problems.length]).toEqual([0, 1_001]);
  expect(problems[0]).toBe('The body has 300000 records; only the first 1000 are read.');
});
