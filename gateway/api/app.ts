import { Hono } from 'hono';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from './deps.ts';
import { errorResponse } from './http/error-response.ts';
import { rejectCrossSite, rejectInvalidEncoding, requireTokenBeyondLoopback } from './http/request-checks.ts';
import { createMetrics } from './metrics.ts';
import { activityRoutes, runActionRoutes, runRoutes } from './routes/runs.ts';
import { assetRoutes, datasetRoutes } from './routes/assets.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { functionRoutes } from './routes/functions.ts';
import { healthRoutes } from './routes/health.ts';
import { landingRoutes } from './routes/landing.ts';
import { reconcileRoutes } from './routes/reconcile.ts';
import { webhookRoutes, eventRoutes } from './routes/webhooks.ts';

export type { GatewayDeps } from './deps.ts';

/**
 * The HTTP API: notifications, events, function calls, the JSON API, uploads and downloads. Each file of routes/
 * documents its routes. Every error is `{"error":{code,message,details}}`. The caller opens the port.
 */
export function createGateway(deps: GatewayDeps): Hono {
  const { env, log } = deps;
  const metrics = createMetrics();
  const app = new Hono();
  app.use(async (c, next) => {
    const header = (name: string) => c.req.header(name);
    rejectCrossSite(
      {
        method: c.req.method,
        path: c.req.path,
        host: header('host') ?? new URL(c.req.url).host,
        origin: header('origin'),
        fetchSite: header('sec-fetch-site'),
      },
      env,
    );
    await next();
  });
  for (const route of ['/events', '/function/*', '/async-function/*']) app.use(route, requireTokenBeyondLoopback(env));
  app.use('/api/*', async (c, next) => {
    rejectInvalidEncoding(new URL(c.req.url));
    await next();
  });
  app.onError((thrown, c) => {
    const error = asSluiceError(thrown);
    const request = { method: c.req.method, path: c.req.path };
    if (error.retryable)
      log.error({ error: error.toDocument(), stack: thrown.stack, ...request }, 'Request:Handle:Failed');
    return errorResponse(error);
  });
  app.notFound((c) =>
    errorResponse(new SluiceError('ROUTE_NOT_FOUND', `Route ${c.req.method} ${c.req.path} does not exist.`)),
  );
  const routes = [
    healthRoutes(deps, metrics),
    webhookRoutes(deps, metrics),
    eventRoutes(deps),
    functionRoutes(deps, metrics),
    landingRoutes(deps),
    runRoutes(deps),
    runActionRoutes(deps),
    activityRoutes(deps),
    assetRoutes(deps),
    datasetRoutes(deps),
    deadLetterRoutes(deps),
    reconcileRoutes(deps),
  ];
  for (const route of routes) app.route('/', route);
  return app;
}
