import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { expect, test } from 'vitest';
import { testEnv } from '../../tests/servers.ts';
import { checkStoreAccess, isAnonymousGrant, startLimit, statementsOf } from './check-access.ts';
import { openObjectStore } from './s3.ts';

test('a store that accepts connections and does not respond ends the start after the limit', async () => {
  const sockets = new Set<Socket>();
  const silent = createServer((socket) => sockets.add(socket.on('error', () => undefined)));
  silent.listen(0, '127.0.0.1');
  await once(silent, 'listening');
  const S3_ENDPOINT = `http://127.0.0.1:${(silent.address() as AddressInfo).port}`;
  const env = testEnv({ S3_ENDPOINT });
  const unavailable = {
    code: 'STORE_UNAVAILABLE',
    message: `The object store at ${S3_ENDPOINT} did not respond within 0.2 s.`,
  };
  await expect(checkStoreAccess(env, 'gateway', startLimit(env, 200))).rejects.toMatchObject(unavailable);
  const store = openObjectStore(env);
  await expect(store.ensureBucket('data-lake', startLimit(env, 200))).rejects.toMatchObject(unavailable);
  store.close();
  for (const socket of sockets) socket.destroy();
  silent.close();
});

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
