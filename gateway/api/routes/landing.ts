import { Readable } from 'node:stream';
import { type Context, Hono } from 'hono';
import { ARCHIVE_PREFIX, userKeyProblem } from '#shared/contracts/object-keys.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { ignoreError } from '#shared/streams/file-streams.ts';
import { printable } from '#shared/text/visible-text.ts';
import type { GatewayDeps } from '../deps.ts';
import { recordUserActivity } from '../http/record-activity.ts';
import { TransferLimit } from '../http/transfers.ts';

const PREFIX = '/api/landing/';

/**
 * PUT /api/landing/KEY (percent-encoded) uploads a file or a manifest of at most MAX_FILE_BYTES to the landing zone. It
 * requires Content-Length (411) and returns 201 `{"path":"s3://landing-zone/KEY","key","size_bytes"}` when the object
 * is stored. An interrupted upload stores nothing. Upload the manifest after the files: its notification starts the
 * run. Above MAX_UPLOADS concurrent uploads, it is 503 with Retry-After.
 */
export function landingRoutes(deps: GatewayDeps): Hono {
  const uploads = new TransferLimit('uploads', deps.env.MAX_UPLOADS);
  return new Hono().put(`${PREFIX}*`, (c) => upload(c, deps, uploads));
}

async function upload(c: Context, { env, transfers, ledger }: GatewayDeps, uploads: TransferLimit): Promise<Response> {
  const { pathname, search } = new URL(c.req.url);
  if (search !== '')
    throw new SluiceError(
      'REQUEST_INVALID',
      'An upload has no query parameters. If the "?" is part of the key, write it as %3F.',
      { details: { query: search } },
    );
  const key = landingKey(pathname.slice(PREFIX.length)); // Not c.req.path, which is partly decoded.
  const size = contentLength(c.req.header('content-length'), key, env.MAX_FILE_BYTES);
  const body = bodyStream(c.req.raw.body);
  const contentType = c.req.header('content-type') ?? 'application/octet-stream';
  const { signal } = c.req.raw;
  const path = `s3://${env.LANDING_BUCKET}/${key}`;
  const entry = { did: `uploaded ${path}`, details: { path, size_bytes: size } };
  await recordUserActivity(c, ledger, { activity: 'file_uploaded', ...entry });
  await uploads.during(() => transfers.putStream(env.LANDING_BUCKET, key, body, { size, contentType, signal }));
  return c.json({ path, key, size_bytes: size }, 201);
}

/** The body of a request. A lost connection is an `error` event of it, which putStream rejects with. */
function bodyStream(body: Request['body']): Readable {
  const stream = body === null ? Readable.from([]) : Readable.fromWeb(body as Parameters<typeof Readable.fromWeb>[0]);
  return stream.on('error', ignoreError);
}

/**
 * The object key of the rest of a URL path, which is valid percent-encoding (rejectInvalidEncoding). Throws
 * REQUEST_INVALID for a key that another program would read as a different key.
 */
export function landingKey(encodedPath: string): string {
  const key = decodeURIComponent(encodedPath);
  const problem =
    userKeyProblem(key) ??
    (key.startsWith(ARCHIVE_PREFIX)
      ? `is below ${ARCHIVE_PREFIX}, which is reserved for archived manifests`
      : undefined);
  if (problem === undefined) return key;
  throw new SluiceError('REQUEST_INVALID', `The key ${printable(JSON.stringify(key))} ${problem}.`, {
    details: { key },
  });
}

function contentLength(header: string | undefined, key: string, maxBytes: number): number {
  if (header === undefined || !/^\d+$/.test(header))
    throw new SluiceError('LENGTH_REQUIRED', 'The upload has no Content-Length header.');
  const size = Number(header);
  if (size > maxBytes) {
    throw new SluiceError(
      'FILE_TOO_LARGE',
      `${key} has ${size} bytes. The limit is ${maxBytes} bytes (MAX_FILE_BYTES).`,
      { details: { size_bytes: size, max_bytes: maxBytes } },
    );
  }
  return size;
}
