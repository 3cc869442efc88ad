import { Hono } from 'hono';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from './deps.ts';
import { errorResponse } from './http/error-response.ts';
import { refuseUndecodable } from './http/decodable-url.ts';
import { refuseForeign } from './http/request-checks.ts';
import { createMetrics } from './metrics.ts';
import { activityRoutes } from './routes/activity.ts';
import { assetRoutes } from './routes/assets.ts';
import { datasetRoutes } from './routes/datasets.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { eventRoutes } from './routes/events.ts';
import { functionRoutes } from './routes/functions.ts';
import { healthRoutes } from './routes/health.ts';
import { landingRoutes } from './routes/landing.ts';
import { reconcileRoutes } from './routes/reconcile.ts';
import { runActRoutes } from './routes/run-actions.ts';
import { runRoutes } from './routes/runs.ts';
import { webhookRoutes } from './routes/webhooks.ts';

export type { GatewayDeps } from './deps.ts';

/**
 * The HTTP gateway over open parts: notifications and events in, calls of functions, the JSON read API, uploads and downloads.
 * Each file of routes/ says what its routes take and answer. Every error is `{"error":{code,message,details}}`.
 * Listening (address, port, shutdown) is the caller's.
 */
export function createGateway(deps: GatewayDeps): Hono {
  const { env, log } = deps;
  const metrics = createMetrics();
  const app = new Hono();
  app.use(async (c, next) => {
    const header = (name: string) => c.req.header(name);
    refuseForeign(
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
  app.use('/api/*', async (c, next) => {
    refuseUndecodable(new URL(c.req.url));
    await next();
  });
  app.onError((thrown, c) => {
    const error = asSluiceError(thrown);
    if (error.retryable)
      log.error(
        { error: error.toDocument(), stack: thrown.stack, method: c.req.method, path: c.req.path },
        'Request:Answer:Failed',
      );
    return errorResponse(error);
  });
  app.notFound((c) => errorResponse(new SluiceError('ROUTE_NOT_FOUND', `There is no ${c.req.method} ${c.req.path}.`)));
  app.route('/', healthRoutes(deps, metrics));
  app.route('/', webhookRoutes(deps, metrics));
  app.route('/', eventRoutes(deps));
  app.route('/', functionRoutes(deps, metrics));
  app.route('/', landingRoutes(deps));
  app.route('/', runRoutes(deps));
  app.route('/', runActRoutes(deps));
  app.route('/', activityRoutes(deps));
  app.route('/', assetRoutes(deps));
  app.route('/', datasetRoutes(deps));
  app.route('/', deadLetterRoutes(deps));
  app.route('/', reconcileRoutes(deps));
  return app;
}
