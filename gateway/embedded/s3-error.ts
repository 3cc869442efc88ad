import type { IncomingMessage } from 'node:http';
import { createRequire } from 'node:module';
import { isDiskFull } from '#shared/errors/system-failure.ts';

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
