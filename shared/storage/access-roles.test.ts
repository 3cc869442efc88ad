import { expect, test } from 'vitest';
import { isSamePolicy, policyOf, type PolicyStatement } from './access-roles.ts';

const BUCKETS = { LANDING_BUCKET: 'raw.files', LAKE_BUCKET: 'lake-1' };

function statement(Effect: PolicyStatement['Effect'], resource: string, ...actions: string[]): PolicyStatement {
  return { Effect, Action: actions.map((action) => `s3:${action}`), Resource: [`arn:aws:s3:::${resource}`] };
}

const LIST = ['ListBucket', 'GetBucketLocation', 'ListBucketMultipartUploads'];
const WRITE = ['PutObject', 'AbortMultipartUpload', 'ListMultipartUploadParts'];

test('the uploader changes the landing zone, except archived manifests, and reads the lake', () => {
  expect(policyOf('uploader', BUCKETS).Statement).toEqual([
    statement('Allow', 'raw.files', ...LIST),
    statement('Allow', 'raw.files/*', 'GetObject', ...WRITE, 'DeleteObject'),
    statement('Allow', 'lake-1', ...LIST),
    statement('Allow', 'lake-1/*', 'GetObject'),
    statement('Deny', 'raw.files/archive/*', 'PutObject', 'DeleteObject'),
  ]);
});

test('the pipeline reads, writes and deletes in both buckets', () => {
  expect(policyOf('pipeline', BUCKETS).Statement).toEqual(
    ['raw.files', 'lake-1'].flatMap((bucket) => [
      statement('Allow', bucket, ...LIST, 'GetBucketPolicy'),
      statement('Allow', `${bucket}/*`, 'GetObject', ...WRITE, 'DeleteObject'),
    ]),
  );
});

test('the gateway writes only documents to the lake, and reads only manifests of the landing zone', () => {
  expect(policyOf('gateway', BUCKETS).Statement).toEqual([
    statement('Allow', 'raw.files', ...LIST, 'GetBucketPolicy'),
    statement('Allow', 'raw.files/*', ...WRITE),
    statement('Allow', 'raw.files/manifests/*', 'GetObject'),
    statement('Allow', 'lake-1', ...LIST, 'GetBucketPolicy'),
    statement('Allow', 'lake-1/*', 'GetObject', 'DeleteObject'),
    statement('Allow', 'lake-1/*.json', ...WRITE),
  ]);
});

test('a policy equals itself in another order and with empty members, and differs by one action', () => {
  const policy = policyOf('pipeline', BUCKETS);
  const stored = {
    ID: '',
    Version: policy.Version,
    Statement: policy.Statement.map(({ Effect, Action, Resource }) => ({
      Condition: {},
      Resource,
      Action: [...Action].reverse(),
      Effect,
      Sid: '',
    })).reverse(),
  };
  expect(isSamePolicy(stored, policy)).toBe(true);
  stored.Statement[0]!.Action.push('s3:PutObjectTagging');
  expect(isSamePolicy(stored, policy)).toBe(false);
  expect(isSamePolicy(undefined, policy)).toBe(false);
});
