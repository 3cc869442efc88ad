import { createHash, createHmac, type Hash, type Hmac, timingSafeEqual } from 'node:crypto';
import { SignatureV4 } from '@smithy/signature-v4';
import {
  denied,
  invalid,
  splitQuery,
  PRESIGN_PARAMETERS,
  type Query,
  readSignature,
  type ReceivedRequest,
  type Rejection,
  type Signature,
  splitOnce,
  textOf,
  timeOf,
  timeProblem,
} from './read-signature.ts';
import type { StoreKeys } from './store-keys.ts';

const PAYLOAD_HASH = 'x-amz-content-sha256';

/** Undefined if the request is signed with the keys, else the reason to reject it. */
export type VerifySignature = (request: ReceivedRequest, now?: Date) => Promise<Rejection | undefined>;

/**
 * Returns a function that verifies AWS Signature Version 4 of requests, in the Authorization header or in a presigned
 * URL (https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-authenticating-requests.html). s3rver does not verify it.
 * The signer of the AWS SDK calculates the signature of the received request again, and both are compared.
 */
export function signatureVerifier(keys: StoreKeys): VerifySignature {
  const signer = new SignatureV4({
    service: 's3',
    region: 'us-east-1',
    credentials: keys,
    sha256: Sha256,
    uriEscapePath: false, // S3 signs the path as it is sent.
    applyChecksum: false,
  });
  return async (request, now = new Date()) => {
    const query = splitQuery(request.url);
    const signature = readSignature(request, query);
    if ('status' in signature) return signature;
    if (signature.accessKeyId !== keys.accessKeyId)
      return denied('InvalidAccessKeyId', `The access key ${JSON.stringify(signature.accessKeyId)} does not exist.`);
    const problem = timeProblem(signature, now) ?? unsignedHeader(request, signature);
    if (problem !== undefined) return problem;
    const path = canonicalPath(request.url);
    if (path === undefined) return invalid('InvalidURI', 'The percent-encoding of the path is not valid.');
    const expected = await signatureFor(signer, request, { signature, query, path });
    if (isEqual(signature.value, expected)) return undefined;
    return denied('SignatureDoesNotMatch', 'The signature does not match the request. Check the secret key.');
  };
}

/**
 * Removes the verified signature from the headers, and returns the URL without it: s3rver would look up the access key
 * in its own accounts.
 */
export function withoutSignature({ url, headers }: Pick<ReceivedRequest, 'url' | 'headers'>): string {
  delete headers.authorization;
  const [path, search] = splitOnce(url, '?');
  const kept = search?.split('&').filter((pair) => !PRESIGN_PARAMETERS.has(splitOnce(pair, '=')[0]));
  return kept === undefined || kept.length === 0 ? path : `${path}?${kept.join('&')}`;
}

/** An unsigned `x-amz-` header could turn a presigned upload into a copy of another object. */
function unsignedHeader({ headers }: ReceivedRequest, { headerNames }: Signature): Rejection | undefined {
  const mustBeSigned = ['host', ...Object.keys(headers).filter((name) => name.startsWith('x-amz-'))];
  const unsigned = mustBeSigned.find((name) => !headerNames.has(name));
  return unsigned === undefined ? undefined : denied('AccessDenied', `The header ${unsigned} is not signed.`);
}

async function signatureFor(
  signer: SignatureV4,
  request: ReceivedRequest,
  { signature, query, path }: { signature: Signature; query: Query; path: string },
): Promise<string> {
  const { headerNames, date, region, presigned, expiresSeconds } = signature;
  const headers: Record<string, string> = {};
  for (const name of headerNames) {
    const value = Object.hasOwn(request.headers, name) ? textOf(request.headers[name]) : undefined;
    if (value !== undefined) headers[name] = value;
  }
  // The signer reads the hash of the body from this header, even if it is not signed.
  headers[PAYLOAD_HASH] ??= query.get('X-Amz-Content-Sha256')?.[0] ?? 'UNSIGNED-PAYLOAD';
  const unsigned = {
    method: request.method,
    protocol: 'http:',
    hostname: '',
    path,
    query: Object.fromEntries([...query].filter(([name]) => !presigned || !PRESIGN_PARAMETERS.has(name))),
    headers,
  };
  const options = {
    signingDate: timeOf(date),
    signingRegion: region,
    signableHeaders: headerNames,
    unsignableHeaders: new Set([PAYLOAD_HASH]),
  };
  if (!presigned) {
    const { authorization = '' } = (await signer.sign(unsigned, options)).headers;
    return splitOnce(authorization, 'Signature=')[1] ?? '';
  }
  const unhoistableHeaders = new Set(Object.keys(headers));
  const signed = await signer.presign(unsigned, { ...options, unhoistableHeaders, expiresIn: expiresSeconds });
  return textOf(signed.query?.['X-Amz-Signature'] ?? undefined) ?? '';
}

/** The path with each segment encoded as in RFC 3986. Undefined if its percent-encoding is not valid. */
function canonicalPath(url: string): string | undefined {
  const encode = (segment: string) =>
    encodeURIComponent(decodeURIComponent(segment)).replace(/[!'()*]/g, percentEncoded);
  try {
    return splitOnce(url, '?')[0].split('/').map(encode).join('/');
  } catch {
    return undefined;
  }
}

function percentEncoded(character: string): string {
  return `%${character.charCodeAt(0).toString(16).toUpperCase()}`;
}

function isEqual(sent: string, expected: string): boolean {
  return sent.length === expected.length && timingSafeEqual(Buffer.from(sent), Buffer.from(expected));
}

/** SHA-256, or its HMAC with a secret, in the form that the signer needs. */
class Sha256 {
  #hash: Hash | Hmac;

  constructor(secret?: string | ArrayBuffer | ArrayBufferView) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', bytesOf(secret));
  }

  update(data: Uint8Array): void {
    this.#hash.update(data);
  }

  digest(): Promise<Uint8Array> {
    return Promise.resolve(this.#hash.digest());
  }

  /** Required by the type. The signer creates a new object for each text. */
  reset(): void {
    throw new TypeError('A hash cannot be reset.');
  }
}

function bytesOf(secret: string | ArrayBuffer | ArrayBufferView): Buffer {
  if (typeof secret === 'string') return Buffer.from(secret);
  if (ArrayBuffer.isView(secret)) return Buffer.from(secret.buffer, secret.byteOffset, secret.byteLength);
  return Buffer.from(secret);
}
