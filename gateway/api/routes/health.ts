import { Hono } from 'hono';
import { Registry } from 'prom-client';
import type { GatewayDeps } from '../deps.ts';
import type { GatewayMetrics } from '../metrics.ts';
import { ServerCheck } from '../server-checks.ts';

/**
 * GET /healthz returns `{"status":"ok"|"down","checks":{"ledger":"ok","store":"ok","postgis":"ok"}}` with 200 or 503.
 * For a server that is down, the check is the error message. It responds in 100 ms, also when a server is slow: the
 * last known state is returned meanwhile.
 *
 * GET /metrics returns the metrics of the gateway and the router for Prometheus.
 */
export function healthRoutes(deps: GatewayDeps, metrics: GatewayMetrics): Hono {
  const registry = Registry.merge([metrics.registry, deps.router.registry]);
  const servers = [deps.ledger, deps.objects, deps.postgis].map((server) => new ServerCheck(() => server.ping()));
  return new Hono()
    .get('/healthz', async (c) => {
      const [ledger, store, postgis] = await Promise.all(servers.map((server) => server.state()));
      const checks = { ledger, store, postgis };
      const healthy = Object.values(checks).every((result) => result === 'ok');
      return c.json({ status: healthy ? 'ok' : 'down', checks }, healthy ? 200 : 503);
    })
    .get('/metrics', async (c) => c.body(await registry.metrics(), 200, { 'content-type': registry.contentType }));
}
