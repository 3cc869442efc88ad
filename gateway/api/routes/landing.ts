import { Readable } from 'node:stream';
import { type Context, Hono } from 'hono';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from '../deps.ts';
import { landingKey } from '../http/landing-key.ts';

const PREFIX = '/api/landing/';

/**
 * PUT /api/landing/KEY (percent-encoded): uploads a file or a manifest to the landing zone, streaming, at most MAX_FILE_BYTES.
 * Content-Length is needed (411). Answers 201 `{"path":"s3://landing-zone/KEY","key","size_bytes"}` when the object stands whole;
 * an upload that breaks off leaves nothing. Files first, then the manifest: its notification starts the run.
 */
export function landingRoutes(deps: GatewayDeps): Hono {
  return new Hono().put(`${PREFIX}*`, (c) => receive(c, deps));
}

async function receive(c: Context, { env, objects }: GatewayDeps): Promise<Response> {
  const { pathname, search } = new URL(c.req.url);
  if (search !== '')
    throw new SluiceError(
      'REQUEST_INVALID',
      'An upload takes no parameters; a "?" that belongs to the key is written %3F.',
      { details: { query: search } },
    );
  const key = landingKey(pathname.slice(PREFIX.length)); // Not c.req.path, which is decoded in part already.
  const size = contentLength(c.req.header('content-length'), env.MAX_FILE_BYTES);
  const body =
    c.req.raw.body === null
      ? Readable.from([])
      : Readable.fromWeb(c.req.raw.body as Parameters<typeof Readable.fromWeb>[0]);
  const contentType = c.req.header('content-type') ?? 'application/octet-stream';
  await objects.putStream(env.LANDING_BUCKET, key, body, { size, contentType, signal: c.req.raw.signal });
  return c.json({ path: `s3://${env.LANDING_BUCKET}/${key}`, key, size_bytes: size }, 201);
}

function contentLength(header: string | undefined, maxBytes: number): number {
  if (header === undefined || !/^\d+$/.test(header))
    throw new SluiceError('LENGTH_REQUIRED', 'The upload has no Content-Length header.');
  const size = Number(header);
  if (size > maxBytes) {
    throw new SluiceError(
      'FILE_TOO_LARGE',
      `The file has ${size} bytes; this installation takes ${maxBytes} (MAX_FILE_BYTES).`,
      { details: { size_bytes: size, max_bytes: maxBytes } },
    );
  }
  return size;
}
