import { createHash, createHmac } from 'node:crypto';
import { STORE_KEYS } from './servers.ts';

/**
 * The headers of a request to the embedded object store, signed with AWS Signature Version 4 and STORE_KEYS. `path` is
 * percent-encoded and can have a query. Written from the specification, and not with the library that the store uses.
 */
export function signRequest(
  endpoint: string,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): Record<string, string> {
  const date = new Date().toISOString().replaceAll(/[:-]|\.\d+/g, '');
  const scope = `${date.slice(0, 8)}/us-east-1/s3/aws4_request`;
  const signed: Record<string, string> = {
    host: new URL(endpoint).host,
    'x-amz-content-sha256': 'UNSIGNED-PAYLOAD',
    'x-amz-date': date,
    ...headers,
  };
  const names = Object.keys(signed).sort();
  const [pathname = '', query = ''] = path.split('?');
  const canonical = [
    method,
    pathname
      .split('/')
      .map((segment) => encodeURIComponent(decodeURIComponent(segment)))
      .join('/'),
    query
      .split('&')
      .filter(Boolean)
      .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
      .sort()
      .join('&'),
    ...names.map((name) => `${name}:${signed[name]}`),
    '',
    names.join(';'),
    signed['x-amz-content-sha256'],
  ].join('\n');
  const text = ['AWS4-HMAC-SHA256', date, scope, createHash('sha256').update(canonical).digest('hex')].join('\n');
  const key = scope
    .split('/')
    .reduce<string | Buffer>((secret, part) => hmac(secret, part), `AWS4${STORE_KEYS.secretAccessKey}`);
  const authorization =
    `AWS4-HMAC-SHA256 Credential=${STORE_KEYS.accessKeyId}/${scope}, ` +
    `SignedHeaders=${names.join(';')}, Signature=${hmac(key, text).toString('hex')}`;
  return { ...signed, authorization };
}

function hmac(secret: string | Buffer, text: string): Buffer {
  return createHmac('sha256', secret).update(text).digest();
}
