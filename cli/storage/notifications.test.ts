import { expect, test } from 'vitest';
import { hasManifestRules, minioEnvironment, withManifestRules } from './notifications.ts';

const QUEUED = 'arn:minio:sqs::SLUICE_QUEUED:webhook';
const DIRECT = 'arn:minio:sqs::SLUICE_DIRECT:webhook';
const FILTER = {
  Key: {
    FilterRules: [
      { Name: 'prefix' as const, Value: 'manifests/' },
      { Name: 'suffix' as const, Value: '.json' },
    ],
  },
};

test('adds one rule for each target, and preserves other rules', () => {
  const audit = { Id: 'audit', QueueArn: 'arn:minio:sqs::AUDIT:webhook', Events: ['s3:ObjectRemoved:*' as const] };
  expect(withManifestRules({ QueueConfigurations: [audit] }, [QUEUED, DIRECT]).QueueConfigurations).toEqual([
    audit,
    { Id: 'sluice-SLUICE_QUEUED', QueueArn: QUEUED, Events: ['s3:ObjectCreated:*'], Filter: FILTER },
    { Id: 'sluice-SLUICE_DIRECT', QueueArn: DIRECT, Events: ['s3:ObjectCreated:*'], Filter: FILTER },
  ]);
});

test('adding the rules again changes nothing', () => {
  const once = withManifestRules({}, [QUEUED, DIRECT]);
  expect(hasManifestRules({}, [QUEUED, DIRECT])).toBe(false);
  expect(hasManifestRules(once, [QUEUED, DIRECT])).toBe(true);
  expect(withManifestRules(once, [QUEUED, DIRECT])).toEqual(once);
});

test('replaces an equal rule with another name, which would deliver every event twice', () => {
  const byHand = {
    Id: 'x1',
    QueueArn: 'arn:minio:sqs:eu-west-2:SLUICE_QUEUED:webhook',
    Events: ['s3:ObjectCreated:*' as const],
    Filter: { Key: { FilterRules: [...FILTER.Key.FilterRules].reverse() } },
  };
  expect(hasManifestRules({ QueueConfigurations: [byHand] }, [QUEUED])).toBe(true);
  expect(withManifestRules({ QueueConfigurations: [byHand] }, [QUEUED]).QueueConfigurations).toHaveLength(1);
});

test('only the first target has a queue folder', () => {
  expect(
    minioEnvironment([QUEUED, DIRECT], { url: 'http://127.0.0.1:8080/webhooks/minio', token: 't', queueFolder: '/q' }),
  ).toEqual({
    MINIO_NOTIFY_WEBHOOK_ENABLE_SLUICE_QUEUED: 'on',
    MINIO_NOTIFY_WEBHOOK_ENDPOINT_SLUICE_QUEUED: 'http://127.0.0.1:8080/webhooks/minio',
    MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_SLUICE_QUEUED: 't',
    MINIO_NOTIFY_WEBHOOK_QUEUE_DIR_SLUICE_QUEUED: '/q',
    MINIO_NOTIFY_WEBHOOK_QUEUE_LIMIT_SLUICE_QUEUED: '100000',
    MINIO_NOTIFY_WEBHOOK_ENABLE_SLUICE_DIRECT: 'on',
    MINIO_NOTIFY_WEBHOOK_ENDPOINT_SLUICE_DIRECT: 'http://127.0.0.1:8080/webhooks/minio',
    MINIO_NOTIFY_WEBHOOK_AUTH_TOKEN_SLUICE_DIRECT: 't',
  });
});
