import { Hono } from 'hono';
import { stream } from 'hono/streaming';
import { z } from 'zod';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import { reconcile } from '#shared/reconcile/reconcile.ts';
import type { GatewayDeps } from '../deps.ts';
import { parseQuery } from '../http/request-fields.ts';

const ReconcileQuery = z.strictObject({ deep: z.enum(['true', 'false']).default('false') });
/** Clients and proxies give up a connection that is silent for longer. */
const HEARTBEAT_MS = 10_000;

/**
 * GET /api/reconcile?deep=true|false: a Reconciliation, or `{"error":…}`. Reading a whole lake takes long, so the answer begins at once, with
 * status 200, and is kept alive by white space before the document, which JSON allows. It ends when the client goes.
 */
export function reconcileRoutes(deps: GatewayDeps): Hono {
  return new Hono().get('/api/reconcile', async (c) => {
    const deep = parseQuery(ReconcileQuery, c).deep === 'true';
    await deps.ledger.ping(); // While one of them is away, that is the answer, with its own status.
    await deps.objects.ping();
    c.header('content-type', 'application/json');
    return stream(c, async (body) => {
      const gone = new AbortController();
      body.onAbort(() => gone.abort());
      const heartbeat = setInterval(() => void body.write('\n'), HEARTBEAT_MS);
      try {
        await body.write(JSON.stringify(await reconcile(deps, { deep, signal: gone.signal })));
      } catch (thrown) {
        if (!gone.signal.aborted) await body.write(JSON.stringify({ error: asSluiceError(thrown).toDocument() }));
      } finally {
        clearInterval(heartbeat);
      }
    });
  });
}
