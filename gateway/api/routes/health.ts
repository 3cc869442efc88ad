import { Hono } from 'hono';
import { Registry } from 'prom-client';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from '../deps.ts';
import type { GatewayMetrics } from '../metrics.ts';

/** A part that takes longer than this to answer is as good as down. */
const PING_TIMEOUT_MS = 5_000;

/**
 * GET /healthz: `{"status":"ok"|"down","checks":{"ledger":"ok","store":"ok","postgis":"ok"}}`, 200 or 503; a part that is down
 * says why instead of "ok". GET /metrics: Prometheus text, the router's too.
 */
export function healthRoutes(deps: GatewayDeps, metrics: GatewayMetrics): Hono {
  const all = Registry.merge([metrics.registry, deps.router.registry]);
  return new Hono()
    .get('/healthz', async (c) => {
      const [ledger, store, postgis] = await Promise.all([
        check(() => deps.ledger.ping()),
        check(() => deps.objects.ping()),
        check(() => deps.postgis.ping()),
      ]);
      const checks = { ledger, store, postgis };
      const healthy = Object.values(checks).every((result) => result === 'ok');
      return c.json({ status: healthy ? 'ok' : 'down', checks }, healthy ? 200 : 503);
    })
    .get('/metrics', async (c) => c.body(await all.metrics(), 200, { 'content-type': all.contentType }));
}

async function check(ping: () => Promise<void>): Promise<string> {
  const late = new AbortController();
  const timer = setTimeout(() => late.abort(), PING_TIMEOUT_MS);
  const timeout = new Promise<string>((done) =>
    late.signal.addEventListener('abort', () => done(`No answer in ${PING_TIMEOUT_MS / 1000} s.`)),
  );
  const answer = ping().then(
    () => 'ok',
    (thrown: unknown) => asSluiceError(thrown).message,
  );
  try {
    return await Promise.race([answer, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
