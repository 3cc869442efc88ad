import { expect, test } from 'vitest';
import { isAnonymousGrant, statementsOf } from './public-access.ts';

test.each<[string, object, boolean]>([
  ['a grant to everyone, as MinIO writes it', { Effect: 'Allow', Principal: { AWS: ['*'] } }, true],
  ['a grant to everyone, as AWS writes it', { Effect: 'Allow', Principal: '*' }, true],
  ['a grant to everyone and an account', { Effect: 'Allow', Principal: { AWS: ['arn:aws:iam::1:root', '*'] } }, true],
  ['a denial for everyone', { Effect: 'Deny', Principal: '*' }, false],
  ['a grant to an account', { Effect: 'Allow', Principal: { AWS: 'arn:aws:iam::1:root' } }, false],
  ['a grant to a service', { Effect: 'Allow', Principal: { Service: 'logging.s3.amazonaws.com' } }, false],
  [
    'a grant to everyone in a network',
    { Effect: 'Allow', Principal: '*', Condition: { IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } } },
    false,
  ],
])('%s', (_what, statement, expected) => {
  expect(isAnonymousGrant(statement)).toBe(expected);
});

test('reads one statement or a list, and no other text', () => {
  expect(statementsOf('{"Statement":{"Effect":"Allow"}}')).toEqual([{ Effect: 'Allow' }]);
  expect(statementsOf('{"Statement":[]}')).toEqual([]);
  expect(statementsOf('{}')).toBeUndefined();
  expect(statementsOf('<ListBucketResult/>')).toBeUndefined();
});
