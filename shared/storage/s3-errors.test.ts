import { expect, test } from 'vitest';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { storeError } from './s3-errors.ts';

const OBJECT = { bucket: 'landing-zone', key: 'b 1/straße.zip' };
const nodeError = (code: string, message = 'it failed') => Object.assign(new Error(message), { code });
const reply = (httpStatusCode: number, name: string) =>
  Object.assign(new Error('it failed'), { name, $metadata: { httpStatusCode } });

test.each([
  [
    'refused connection, on any port',
    nodeError('ECONNREFUSED', 'connect ECONNREFUSED 127.0.0.1:5432'),
    'STORE_UNAVAILABLE',
  ],
  ['reply that ends early', nodeError('ECONNRESET', 'aborted'), 'STORE_UNAVAILABLE'],
  ['unknown host', nodeError('EAI_AGAIN'), 'STORE_UNAVAILABLE'],
  ['time-out of the SDK', Object.assign(new Error('slow'), { name: 'TimeoutError' }), 'STORE_UNAVAILABLE'],
  ['full disk of this machine', nodeError('ENOSPC'), 'DISK_FULL'],
  ['used up quota of this machine', nodeError('EDQUOT'), 'DISK_FULL'],
  ['full disk of MinIO', reply(507, 'XMinioStorageFull'), 'DISK_FULL'],
  ['full disk of the embedded store', reply(507, 'InsufficientStorage'), 'DISK_FULL'],
  ['missing bucket', reply(404, 'NoSuchBucket'), 'STORE_UNAVAILABLE'],
  ['missing object', reply(404, 'NoSuchKey'), 'FILE_MISSING'],
  ['wrong credentials with status 403', reply(403, 'Forbidden'), 'STORE_DENIED'],
  ['wrong credentials with status 400', reply(400, 'InvalidTokenId'), 'STORE_DENIED'],
  ['overload', reply(503, 'SlowDown'), 'STORE_UNAVAILABLE'],
  ['invalid request', reply(400, 'EntityTooLarge'), 'REQUEST_INVALID'],
  ['message that only looks like a network error', new Error('aborted'), 'INTERNAL'],
  ['error of a program', new TypeError('x is not a function'), 'INTERNAL'],
])('the code of a %s', (_name, thrown, code) => {
  expect(storeError(thrown, OBJECT)).toMatchObject({ code, cause: thrown });
});

test('an error names the object in message and details', () => {
  expect(storeError(reply(403, 'AccessDenied'), OBJECT)).toMatchObject({
    message: 'The object store denied access to s3://landing-zone/b 1/straße.zip: AccessDenied.',
    details: OBJECT,
  });
  expect(storeError(reply(404, 'NoSuchBucket'), { bucket: 'data-lake' })).toMatchObject({
    message: 'Bucket data-lake does not exist. Run npx sluice setup-storage.',
    details: { bucket: 'data-lake' },
  });
});

test('returns a SluiceError and the reason of an abort unchanged', () => {
  const error = new SluiceError('FILE_TOO_LARGE', 'The file is too large.');
  expect(storeError(error, OBJECT)).toBe(error);
  const reason = new Error('canceled');
  expect(storeError(nodeError('ECONNRESET'), OBJECT, AbortSignal.abort(reason))).toBe(reason);
});
