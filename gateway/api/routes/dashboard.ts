import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { type Context, Hono } from 'hono';
import { getMimeType } from 'hono/utils/mime';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { matchesTag } from '../http/transfers.ts';

/** What `vite build` writes (cli/setup/dashboard.mjs, gateway/Dockerfile). */
const BUILT_DASHBOARD = resolve(import.meta.dirname, '../../../dashboard/dist');
const PREFIX = '/ui/';
/** Vite writes files with a hash in their name to this folder, so they never change. */
const HASHED = 'static/';
/** Names of built files: no `..`, and no hidden file. */
const FILE_NAME = /^(?:[\w-][\w.-]*\/)*[\w-][\w.-]*$/;

/** MapLibre starts its workers from blobs, and reads images from data and blob URLs. */
const SECURITY_HEADERS = {
  'content-security-policy': [
    "default-src 'self'",
    "style-src 'self'",
    "img-src 'self' data: blob:",
    "worker-src 'self' blob:",
    "object-src 'none'",
    "base-uri 'none'",
    "form-action 'self'",
    "frame-ancestors 'none'",
  ].join('; '),
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/**
 * The dashboard, a web page with its own routes.
 *
 * GET / redirects a browser to /ui/.
 * GET /ui/PATH returns the built file PATH, or else the page, which shows the view of PATH. A missing file of
 * /ui/static/ is 404. Browsers cache the files of /ui/static/ for a year, and revalidate the other ones.
 */
export function dashboardRoutes(folder: string = BUILT_DASHBOARD): Hono {
  return new Hono()
    .get('/', (c, next) => (acceptsHtml(c) ? Promise.resolve(c.redirect(PREFIX)) : next()))
    .get('/ui', (c) => c.redirect(PREFIX))
    .get(`${PREFIX}*`, async (c) => {
      const path = new URL(c.req.url).pathname.slice(PREFIX.length);
      const file = await readBuilt(folder, path, c);
      if (file !== undefined) return respond(c, file, path.startsWith(HASHED));
      if (path.startsWith(HASHED)) return c.notFound();
      const page = await readBuilt(folder, 'index.html', c);
      if (page === undefined)
        throw new SluiceError('ROUTE_NOT_FOUND', 'The dashboard is not built. Run `npm run setup` to build it.');
      return respond(c, page, false);
    });
}

function acceptsHtml(c: Context): boolean {
  return (c.req.header('accept') ?? '').includes('text/html');
}

interface BuiltFile {
  content: Buffer<ArrayBuffer>;
  type: string;
  /** True if the content is compressed with gzip. */
  gzip: boolean;
}

/** Reads a built file of the dashboard. Undefined if the file does not exist. */
async function readBuilt(folder: string, path: string, c: Context): Promise<BuiltFile | undefined> {
  if (!FILE_NAME.test(path)) return undefined;
  const type = getMimeType(path) ?? 'application/octet-stream';
  const read = (name: string) => readFile(join(folder, name)).catch(() => undefined);
  if (/\bgzip\b/.test(c.req.header('accept-encoding') ?? '')) {
    const content = await read(`${path}.gz`);
    if (content !== undefined) return { content, type, gzip: true };
  }
  const content = await read(path);
  return content && { content, type, gzip: false };
}

function respond(c: Context, { content, type, gzip }: BuiltFile, isHashed: boolean): Response {
  const etag = `"${createHash('sha256').update(content).digest('base64url')}"`;
  const headers = {
    ...SECURITY_HEADERS,
    etag,
    vary: 'accept-encoding',
    'cache-control': isHashed ? 'public, max-age=31536000, immutable' : 'no-cache',
  };
  if (matchesTag(c.req.header('if-none-match'), etag)) return c.body(null, 304, headers);
  return c.body(content, 200, {
    ...headers,
    'content-type': type,
    'content-length': String(content.length),
    ...(gzip ? { 'content-encoding': 'gzip' } : {}),
  });
}
