import type { IncomingMessage, ServerResponse } from 'node:http';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import { type GatewayAddress, rejectCrossSite } from '../../api/http/request-checks.ts';
import {
  denied,
  invalid,
  splitQuery,
  type ReceivedRequest,
  type Rejection,
  splitOnce,
  textOf,
} from './read-signature.ts';
import type { StoreKeys } from './store-keys.ts';
import { signatureVerifier, withoutSignature } from './verify-signature.ts';

/** Rules of access to the embedded object store. */
export interface StoreAccess {
  keys: StoreKeys;
  /** The only buckets. Clients cannot create or delete buckets. */
  buckets: string[];
  /** Address of the gateway for users. Its host name is accepted, like the addresses of this machine. */
  publicUrl?: string | undefined;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

/** A rejected body up to this size is read, so that the client receives the response; else the connection is closed. */
const MAX_DRAINED_BYTES = 2 ** 20;

/**
 * Wraps the request handler of s3rver, which has no access control. Rejects requests of web pages, requests that name a
 * foreign host (DNS rebinding), requests without a valid signature, and changes of buckets.
 */
export function withAccessControl(
  handler: Handler,
  access: StoreAccess,
): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
  const verify = signatureVerifier(access.keys);
  return async (request, response) => {
    const received: ReceivedRequest = {
      method: request.method ?? '',
      url: request.url ?? '',
      headers: request.headers,
    };
    try {
      const rejection =
        browserProblem(received, access) ?? (await verify(received)) ?? operationProblem(received, access);
      if (rejection !== undefined) return reject(request, response, rejection);
    } catch (thrown) {
      // Without this, an error of the signer would end the process.
      return reject(request, response, { status: 500, code: 'InternalError', message: reasonOf(thrown) });
    }
    request.url = withoutSignature(received);
    handler(request, response);
  };
}

/** No page needs this port. A presigned URL can be opened in a browser, because that request has no Origin header. */
export function browserProblem({ method, url, headers }: ReceivedRequest, access: StoreAccess): Rejection | undefined {
  const origin = textOf(headers.origin);
  if (origin !== undefined)
    return denied('AccessDenied', `Requests of web pages are not accepted (Origin: ${origin}).`);
  const facts = {
    method,
    path: splitOnce(url, '?')[0],
    host: headers.host as string | undefined,
    origin,
    fetchSite: textOf(headers['sec-fetch-site']),
  };
  // The embedded store listens on this machine only, whatever HOST is.
  const env: GatewayAddress = { HOST: '127.0.0.1', PORT: 0, PUBLIC_URL: access.publicUrl };
  try {
    rejectCrossSite(facts, env);
    return undefined;
  } catch (thrown) {
    if (thrown instanceof SluiceError) return denied('AccessDenied', thrown.message);
    throw thrown;
  }
}

/** The reason to reject a signed request: another bucket, or an operation on a bucket that is not a read. */
export function operationProblem({ method, url }: ReceivedRequest, { buckets }: StoreAccess): Rejection | undefined {
  const [path] = splitOnce(url, '?');
  // The parser of s3rver would end the path at these characters. No client sends them unencoded.
  if (!path.startsWith('/') || /[#\\\s]/.test(url)) return invalid('InvalidURI', 'The path is not valid.');
  const isRead = method === 'GET' || method === 'HEAD';
  if (path === '/') return isRead ? undefined : notAllowed(method);
  const [name, key = ''] = splitOnce(path.slice(1), '/');
  const bucket = decodeURIComponent(name); // The percent-encoding is valid, because the signature is.
  if (!buckets.includes(bucket)) {
    if (method === 'PUT' && key === '')
      return denied('AccessDenied', `Buckets cannot be created. The only buckets are ${buckets.join(' and ')}.`);
    return { status: 404, code: 'NoSuchBucket', message: `The bucket ${bucket} does not exist.` };
  }
  const query = splitQuery(url);
  // s3rver uses the id as the name of a folder.
  if (query.get('uploadId')?.some((id) => !/^[\w-]+$/.test(id)) === true)
    return { status: 404, code: 'NoSuchUpload', message: 'The upload does not exist.' };
  if (key.replaceAll('/', '') !== '') return undefined;
  if (method === 'PUT' && query.size === 0)
    return { status: 409, code: 'BucketAlreadyOwnedByYou', message: `The bucket ${bucket} exists.` };
  return isRead || (method === 'POST' && query.has('delete')) ? undefined : notAllowed(method);
}

function notAllowed(method: string): Rejection {
  return { status: 405, code: 'MethodNotAllowed', message: `${method} of a bucket is not supported.` };
}

function reject(request: IncomingMessage, response: ServerResponse, { status, code, message }: Rejection): void {
  const text = message.replace(/[<>&]/g, (character) => `&#${character.charCodeAt(0)};`);
  const body = `<?xml version="1.0"?>\n<Error><Code>${code}</Code><Message>${text}</Message></Error>`;
  const length = Number(request.headers['content-length'] ?? 0);
  if (length > MAX_DRAINED_BYTES || request.headers['transfer-encoding'] !== undefined)
    response.setHeader('connection', 'close');
  response.writeHead(status, { 'content-type': 'application/xml', 'content-length': Buffer.byteLength(body) });
  response.end(body);
}
