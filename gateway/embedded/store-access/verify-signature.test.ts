import { expect, test } from 'vitest';
import { signatureVerifier, withoutSignature } from './verify-signature.ts';

/**
 * The examples of the S3 documentation, with its keys
 * (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html and sigv4-query-string-auth.html).
 */
const verify = signatureVerifier({
  accessKeyId: 'AKIAIOSFODNN7EXAMPLE',
  secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY',
});
const NOW = new Date('2013-05-24T00:05:00Z');
const EMPTY = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855';

interface Example {
  method?: string;
  url: string;
  headers?: Record<string, string>;
  names: string;
  signature: string;
}

function request({ method = 'GET', url, headers = {}, names, signature }: Example) {
  return {
    method,
    url,
    headers: {
      host: 'examplebucket.s3.amazonaws.com',
      'x-amz-content-sha256': EMPTY,
      'x-amz-date': '20130524T000000Z',
      ...headers,
      authorization:
        'AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,' +
        `SignedHeaders=${names},Signature=${signature}`,
    } as Record<string, string>,
  };
}

const GET_OBJECT: Example = {
  url: '/test.txt',
  headers: { range: 'bytes=0-9' },
  names: 'host;range;x-amz-content-sha256;x-amz-date',
  signature: 'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
};
const PRESIGNED =
  '/test.txt?X-Amz-Algorithm=AWS4-HMAC-SHA256' +
  '&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request' +
  '&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host' +
  '&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404';
const presigned = (url = PRESIGNED, headers: Record<string, string> = {}, method = 'GET') => ({
  method,
  url,
  headers: { host: 'examplebucket.s3.amazonaws.com', ...headers } as Record<string, string>,
});

test.each<[string, Example]>([
  ['GET of an object', GET_OBJECT],
  [
    'GET of a subresource',
    {
      url: '/?lifecycle',
      names: 'host;x-amz-content-sha256;x-amz-date',
      signature: 'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
    },
  ],
  [
    'GET of a list',
    {
      url: '/?max-keys=2&prefix=J',
      names: 'host;x-amz-content-sha256;x-amz-date',
      signature: '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
    },
  ],
])('accepts the example %s', async (_what, example) => {
  expect(await verify(request(example), NOW)).toBeUndefined();
});

test('accepts the example of a presigned URL until it expires', async () => {
  expect(await verify(presigned(), NOW)).toBeUndefined();
  expect(await verify(presigned(), new Date('2013-05-24T23:59:59Z'))).toBeUndefined();
  expect(await verify(presigned(), new Date('2013-05-25T00:00:01Z'))).toMatchObject({
    status: 403,
    message: 'The presigned URL has expired.',
  });
});

test.each<[string, Parameters<typeof verify>[0], string]>([
  ['no signature', { method: 'GET', url: '/test.txt', headers: { host: 'x' } }, 'AccessDenied'],
  ['another method', { ...request(GET_OBJECT), method: 'DELETE' }, 'SignatureDoesNotMatch'],
  ['another path', { ...request(GET_OBJECT), url: '/other.txt' }, 'SignatureDoesNotMatch'],
  ['another query', { ...request(GET_OBJECT), url: '/test.txt?acl' }, 'SignatureDoesNotMatch'],
  ['another signed header', request({ ...GET_OBJECT, headers: { range: 'bytes=0-99' } }), 'SignatureDoesNotMatch'],
  [
    'an unsigned x-amz- header',
    request({ ...GET_OBJECT, headers: { range: 'bytes=0-9', 'x-amz-copy-source': '/data-lake/a' } }),
    'AccessDenied',
  ],
  [
    'an unsigned Host header',
    request({ ...GET_OBJECT, names: 'range;x-amz-content-sha256;x-amz-date' }),
    'AccessDenied',
  ],
  ['the name of an inherited property', request({ ...GET_OBJECT, names: 'constructor;host' }), 'AccessDenied'],
  ['invalid percent-encoding', { ...request(GET_OBJECT), url: '/%zz' }, 'InvalidURI'],
  ['a presigned URL with another method', presigned(PRESIGNED, {}, 'PUT'), 'SignatureDoesNotMatch'],
  [
    'a presigned URL with a longer validity',
    presigned(PRESIGNED.replace('Expires=86400', 'Expires=604800')),
    'SignatureDoesNotMatch',
  ],
  [
    'a validity of more than a week',
    presigned(PRESIGNED.replace('Expires=86400', 'Expires=604801')),
    'AuthorizationQueryParametersError',
  ],
  [
    'a presigned upload that becomes a copy',
    presigned(PRESIGNED, { 'x-amz-copy-source': '/data-lake/a' }),
    'AccessDenied',
  ],
  ['two signatures', presigned(PRESIGNED, { authorization: 'AWS4-HMAC-SHA256 x' }), 'InvalidArgument'],
  [
    'Signature Version 2',
    { method: 'GET', url: '/a', headers: { host: 'x', authorization: 'AWS AKIAIOSFODNN7EXAMPLE:c2ln' } },
    'InvalidRequest',
  ],
  ['a URL with Signature Version 2', presigned('/a?AWSAccessKeyId=a&Signature=b&Expires=9'), 'InvalidRequest'],
  [
    'a request without the hash of its body',
    { ...request(GET_OBJECT), headers: { ...request(GET_OBJECT).headers, 'x-amz-content-sha256': undefined } },
    'InvalidRequest',
  ],
  [
    'an incomplete header',
    { method: 'GET', url: '/a', headers: { host: 'x', authorization: 'AWS4-HMAC-SHA256 Credential=a' } },
    'AuthorizationHeaderMalformed',
  ],
])('rejects %s', async (_what, received, code) => {
  expect(await verify(received, NOW)).toMatchObject({ code });
});

test('rejects another access key, and a time that is 15 minutes off', async () => {
  const other = signatureVerifier({ accessKeyId: 'AK', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' });
  expect(await other(request(GET_OBJECT), NOW)).toMatchObject({ status: 403, code: 'InvalidAccessKeyId' });
  for (const time of ['2013-05-24T00:15:01Z', '2013-05-23T23:44:59Z'])
    expect(await verify(request(GET_OBJECT), new Date(time))).toMatchObject({ code: 'RequestTimeTooSkewed' });
});

test('removes the signature from the URL and the headers, and keeps everything else', () => {
  const received = presigned(`${PRESIGNED}&response-content-type=text%2Fplain&versions`);
  received.headers.authorization = 'AWS4-HMAC-SHA256 x';
  expect(withoutSignature(received)).toBe('/test.txt?response-content-type=text%2Fplain&versions');
  expect(received.headers).toEqual({ host: 'examplebucket.s3.amazonaws.com' });
  expect(withoutSignature(presigned())).toBe('/test.txt');
});
