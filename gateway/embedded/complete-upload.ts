import type { KoaContext } from './s3rver-store.ts';

/** Shorter than the time after which clients regard a connection as dead. */
const INTERVAL_MS = 10_000;
const XML_DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n';

/**
 * Middleware of Koa for CompleteMultipartUpload. Joining the parts of a large file takes minutes. Meanwhile, spaces are
 * sent, so that the client does not regard the connection as dead. An error is then sent with status 200. Both are the
 * behavior of S3, which clients expect for this request.
 */
export function keepAliveWhileCompleting(intervalMs = INTERVAL_MS) {
  return async (context: KoaContext, next: () => Promise<void>): Promise<void> => {
    const { req, res } = context;
    if (req.method !== 'POST' || !/[?&]uploadId=/.test(req.url ?? '')) return next();
    const timer = setInterval(() => {
      if (!res.headersSent) {
        context.respond = false;
        res.writeHead(200, { 'content-type': 'application/xml' }).write(XML_DECLARATION);
      }
      res.write(' ');
    }, intervalMs);
    try {
      await next();
      if (res.headersSent) res.end(withoutDeclaration(String(context.body)));
    } catch (thrown) {
      if (!res.headersSent) throw thrown;
      res.end(withoutDeclaration((thrown as { toXML?: () => string }).toXML?.() ?? INTERNAL_ERROR));
    } finally {
      clearInterval(timer);
    }
  };
}

const INTERNAL_ERROR = '<Error><Code>InternalError</Code><Message>The upload could not be completed.</Message></Error>';

function withoutDeclaration(xml: string): string {
  return xml.replace(/^<\?xml[^>]*>\s*/, '');
}
