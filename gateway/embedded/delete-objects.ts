import { SaxesParser } from 'saxes';
import { readAtMost } from '#shared/streams/read-at-most.ts';
import { element, escapeXml, type KoaContext, s3Error, type S3rverStore, xmlResponse } from './s3rver.ts';

/**
 * Deletes objects as DeleteObjects of S3 (https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html).
 * s3rver 3.7 reads the key `007` as the number 7, removes spaces at the ends of keys, and damages characters at the
 * ends of network packets, so that it deletes other objects, or fails.
 */

/** S3 accepts 1,000 keys of 1,024 bytes, each of which can be written with 6 characters (`&quot;`). */
const MAX_BODY_BYTES = 8 * 2 ** 20;
const MAX_KEYS = 1000;
/** Deletions that run at the same time. */
const PARALLEL = 8;

interface DeleteRequest {
  keys: string[];
  /** True if the response must name failed keys only. */
  quiet: boolean;
}

/** Middleware of Koa: handles `POST /BUCKET?delete`. */
export function deleteObjects(buckets: readonly string[], store: S3rverStore) {
  return async (context: KoaContext, next: () => Promise<void>): Promise<void> => {
    const { pathname, searchParams: query } = new URL(context.req.url ?? '/', 'http://localhost');
    const bucket = decodeURIComponent(pathname).replace(/^\/|\/$/g, '');
    if (context.req.method !== 'POST' || !query.has('delete') || !buckets.includes(bucket)) return next();
    const { keys, quiet } = parseRequest((await readAtMost(context.req, MAX_BODY_BYTES, malformed)).toString());
    const errors = new Map<string, Error>();
    const remaining = [...keys];
    const deleteNext = async () => {
      for (let key = remaining.pop(); key !== undefined; key = remaining.pop())
        await store.deleteObject(bucket, key).catch((thrown: unknown) => errors.set(key ?? '', thrown as Error));
    };
    await Promise.all(Array.from({ length: PARALLEL }, deleteNext));
    xmlResponse(context, 'DeleteResult', keys.map((key) => resultXml(key, errors.get(key), quiet)).join(''));
  };
}

function resultXml(key: string, error: (Error & { code?: string }) | undefined, quiet: boolean): string {
  const name = element('Key', escapeXml(key));
  if (error === undefined) return quiet ? '' : element('Deleted', name);
  return element(
    'Error',
    name + element('Code', escapeXml(error.code ?? 'InternalError')) + element('Message', escapeXml(error.message)),
  );
}

/** Throws MalformedXML. A version other than `null` cannot exist, because the buckets have no versions. */
function parseRequest(body: string): DeleteRequest {
  const request: DeleteRequest = { keys: [], quiet: false };
  const path: string[] = [];
  let text = '';
  const parser = new SaxesParser();
  parser.on('error', (error) => {
    throw error;
  });
  parser.on('opentag', ({ name }) => {
    path.push(name);
    text = '';
  });
  const addText = (more: string) => (text += more);
  parser.on('text', addText);
  parser.on('cdata', addText);
  parser.on('closetag', () => {
    const at = path.join('/');
    if (at === 'Delete/Object/Key') request.keys.push(text);
    if (at === 'Delete/Quiet') request.quiet = text.trim() === 'true';
    path.pop();
  });
  try {
    parser.write(body).close();
  } catch {
    throw malformed();
  }
  if (request.keys.length === 0 || request.keys.length > MAX_KEYS || request.keys.includes('')) throw malformed();
  return request;
}

function malformed(): Error {
  return s3Error(400, 'MalformedXML', `The body must be the XML of DeleteObjects with 1 to ${MAX_KEYS} keys.`);
}
