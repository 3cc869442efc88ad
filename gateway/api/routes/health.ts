import { Hono } from 'hono';
import { Registry } from 'prom-client';
import { asSluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from '../deps.ts';
import type { GatewayMetrics } from '../metrics.ts';

/** A server that does not respond within this time counts as down. */
const PING_TIMEOUT_MS = 5_000;

/**
 * GET /healthz returns `{"status":"ok"|"down","checks":{"ledger":"ok","store":"ok","postgis":"ok"}}` with 200 or 503.
 * For a server that is down, the check is the error message.
 *
 * GET /metrics returns the metrics of the gateway and the router for Prometheus.
 */
export function healthRoutes(deps: GatewayDeps, metrics: GatewayMetrics): Hono {
  const registry = Registry.merge([metrics.registry, deps.router.registry]);
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
    .get('/metrics', async (c) => c.body(await registry.metrics(), 200, { 'content-type': registry.contentType }));
}

async function check(ping: () => Promise<void>): Promise<string> {
  const { promise: timeout, resolve } = Promise.withResolvers<string>();
  const timer = setTimeout(() => resolve(`No response within ${PING_TIMEOUT_MS / 1000} s.`), PING_TIMEOUT_MS);
  const result = ping().then(
    () => 'ok',
    (thrown: unknown) => asSluiceError(thrown).message,
  );
  try {
    return await Promise.race([result, timeout]);
  } finally {
    clearTimeout(timer);
  }
}
