import fc from 'fast-check';
import { expect, test } from 'vitest';
import { announcesManifest, eventsOfNotification, readNotification } from './notifications.ts';

/** As MinIO sends it, with the key given. */
function minioBody(key: string, record: Record<string, unknown> = {}) {
  return {
    EventName: 's3:ObjectCreated:Put',
    Key: 'landing-zone/whatever',
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

test('takes the keys of the embedded store as they are', () => {
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
  expect(announcesManifest(event!, 'landing-zone')).toBe(true);
});

test('without request ids, the id depends on the object and its write only', () => {
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
])('%s %j announces a manifest: %s', (key, record, announces) => {
  const [event] = eventsOfNotification(minioBody(key, record));
  expect(announcesManifest(event!, 'landing-zone')).toBe(announces);
});

test('a bad record does not hide the good one beside it', () => {
  const body = minioBody('manifests%2Fb1.json');
  const { events, problems } = readNotification({
    Records: [null, ...body.Records, ...minioBody('manifests%2F%ZZ.json').Records],
  });
  expect(events.map((event) => event.subject)).toEqual(['manifests/b1.json']);
  expect(problems).toHaveLength(2);
  expect(problems[1]).toBe('Records[2].s3.object.key is not valid percent-encoding.');
});

test('never throws, whatever the body is', () => {
  fc.assert(fc.property(fc.jsonValue(), (body) => Array.isArray(eventsOfNotification(body))));
  fc.assert(
    fc.property(fc.string(), (key) => {
      eventsOfNotification(minioBody(key));
    }),
  );
  expect(readNotification('not an object').problems).toEqual(['The body has no list of Records.']);
});
