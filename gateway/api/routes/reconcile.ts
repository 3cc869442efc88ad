import { Hono } from 'hono';
import { stream } from 'hono/streaming';
import { z } from 'zod';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { reconciliationView } from '#shared/api/reconciliation-view.ts';
import { reconcile } from '#shared/reconcile/reconcile.ts';
import type { GatewayDeps } from '../deps.ts';
import { parseQuery } from '../http/request-fields.ts';

const ReconcileQuery = z.strictObject({ deep: z.enum(['true', 'false']).default('false') });
/** Clients and proxies close a connection without data after a longer time. */
const HEARTBEAT_MS = 10_000;

/**
 * GET /api/reconcile?deep=true|false returns a ReconciliationReply. Reading a whole lake takes long, so
 * the response starts immediately with status 200, and white space before the document, which JSON allows, keeps the
 * connection open. The work ends when the client disconnects.
 */
export function reconcileRoutes(deps: GatewayDeps): Hono {
  return new Hono().get('/api/reconcile', async (c) => {
    const deep = parseQuery(ReconcileQuery, c).deep === 'true';
    // An unavailable server is reported with its HTTP status before the response starts.
    await deps.ledger.ping();
    await deps.objects.ping();
    c.header('content-type', 'application/json');
    return stream(c, async (body) => {
      const disconnected = new AbortController();
      body.onAbort(() => disconnected.abort());
      const heartbeat = setInterval(() => void body.write('\n'), HEARTBEAT_MS);
      try {
        const result = await reconcile(deps, { deep, signal: disconnected.signal });
        await body.write(JSON.stringify(reconciliationView(result)));
      } catch (thrown) {
        if (!disconnected.signal.aborted)
          await body.write(JSON.stringify({ error: asSluiceError(thrown).toDocument() }));
      } finally {
        clearInterval(heartbeat);
      }
    });
  });
}
