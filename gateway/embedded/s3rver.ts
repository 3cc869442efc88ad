import type { IncomingMessage, ServerResponse } from 'node:http';
import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';
import { isDiskFull } from '#shared/errors/system-failure.ts';

/** A request of Koa, the base of s3rver. */
export interface KoaContext {
  req: IncomingMessage;
  res: ServerResponse;
  status: number;
  body?: unknown;
  /** The store that s3rver uses for the request. */
  store?: S3rverStore;
  /** False if Koa must send no response, because a middleware sends it. */
  respond?: boolean;
}

/** The store of s3rver, with the methods that atomic-writes.ts and multipart-uploads.ts replace. */
export interface S3rverStore {
  putObject(object: S3rverObject): Promise<{ size: number; md5: string }>;
  putPart(
    bucket: string,
    uploadId: string,
    partNumber: string,
    content: Readable,
  ): Promise<{ size: number; md5: string }>;
  putObjectMultipart(
    bucket: string,
    uploadId: string,
    parts: { number: number }[],
  ): Promise<{ size: number; md5: string }>;
  copyObject(
    fromBucket: string,
    fromKey: string,
    toBucket: string,
    toKey: string,
    replacement: Record<string, string> | null,
  ): Promise<Record<string, string>>;
  deleteObject(bucket: string, key: string): Promise<void>;
  getMetadata(bucket: string, key: string): Promise<Record<string, string>>;
  getResourcePath(bucket: string, key: string | undefined, resource: string): string;
}

interface S3rverObject {
  bucket: string;
  key: string;
  content: Readable | Buffer;
  metadata: Record<string, string>;
}

/** The error class of s3rver, which its types omit. Its status is 500 for a code that s3rver does not define. */
const S3Error = createRequire(import.meta.url)('s3rver/lib/models/error.js') as new (
  code: string,
  message: string,
) => Error & { status: number };

/** An error that the store sends to the client as XML with this status and code. */
export function s3Error(status: number, code: string, message: string): Error {
  return Object.assign(new S3Error(code, message), { status });
}

/**
 * Middleware of Koa: sends errors of the file system with the status and code that S3 servers use. The rest of the
 * request is read and discarded, because a client that still sends its body may not read the response otherwise.
 */
export async function convertErrors({ req }: { req: IncomingMessage }, next: () => Promise<void>): Promise<void> {
  try {
    await next();
  } catch (thrown) {
    req.unpipe(); // Otherwise `resume` waits for the file that failed.
    req.resume();
    if (isDiskFull(thrown)) throw s3Error(507, 'InsufficientStorage', 'The disk of the object store is full.');
    throw thrown;
  }
}

const NAMESPACE = 'http://s3.amazonaws.com/doc/2006-03-01/';

/** Answers with a document whose root element contains `xml`. */
export function xmlResponse(context: KoaContext, root: string, xml: string): void {
  context.status = 200;
  context.res.setHeader('content-type', 'application/xml');
  context.body = `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="${NAMESPACE}">${xml}</${root}>`;
}

/** An XML element. `text` must be escaped already. */
export function element(name: string, text: string): string {
  return `<${name}>${text}</${name}>`;
}

/** An XML element, or an empty text if there is no value. */
export function optional(name: string, value: string | null | undefined, escape: (value: string) => string): string {
  return value === null || value === undefined ? '' : element(name, escape(value));
}

/** S3 writes characters that XML does not allow as references, too. Clients request URL encoding for these. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"'\u0000-\u001f]/g, (character) => `&#${character.charCodeAt(0)};`);
}
