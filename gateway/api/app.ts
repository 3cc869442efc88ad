import { Hono } from 'hono';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { GatewayDeps } from './deps.ts';
import { errorResponse } from './http/error-response.ts';
import { factsOf, rejectCrossSite, rejectInvalidEncoding } from './http/request-checks.ts';
import { requireAccess } from './http/require-access.ts';
import { securityHeaders } from './http/security-headers.ts';
import { systemRoutes } from './routes/system.ts';
import { createMetrics } from './metrics.ts';
import { activityRoutes, runActionRoutes, runRoutes } from './routes/runs.ts';
import { assetRoutes, datasetRoutes } from './routes/assets.ts';
import { batchRoutes } from './routes/batches.ts';
import { dashboardRoutes } from './routes/dashboard.ts';
import { deadLetterRoutes } from './routes/dead-letters.ts';
import { eventRoutes } from './routes/events.ts';
import { functionRoutes } from './routes/functions.ts';
import { healthRoutes } from './routes/health.ts';
import { joinRoutes } from './routes/joins.ts';
import { landingRoutes } from './routes/landing.ts';
import { logHandlers } from './routes/logs.ts';
import { loginRoutes } from './routes/login.ts';
import { overviewRoutes } from './routes/overview.ts';
import { reconcileRoutes } from './routes/reconcile.ts';
import { uploadRoutes } from './routes/uploads.ts';
import { webhookRoutes } from './routes/webhooks.ts';

export type { GatewayDeps } from './deps.ts';

/**
 * The HTTP API: notifications, events, function calls, the JSON API, uploads, downloads, and the dashboard. Each file
 * of routes/ documents its routes. Every error is `{"error":{code,message,details}}`, except under /system. The caller
 * opens the port.
 */
export function createGateway(deps: GatewayDeps): Hono {
  const { env, log } = deps;
  const metrics = createMetrics(deps);
  const logs = logHandlers(deps);
  const app = new Hono();
  app.use(securityHeaders(env));
  app.use(async (c, next) => {
    rejectCrossSite(factsOf(c), env);
    await next();
  });
  app.use(requireAccess(deps));
  app.use('/api/*', async (c, next) => {
    rejectInvalidEncoding(new URL(c.req.url));
    await next();
  });
  app.onError((thrown, c) => {
    const error = asSluiceError(thrown);
    const request = { method: c.req.method, path: c.req.path };
    // FailureLog logs failed logins: an entry for each attempt could fill the disk.
    if (error.retryable && error.code !== 'TOO_MANY_ATTEMPTS')
      log.error({ error: error.toDocument(), stack: thrown.stack, ...request }, 'Request:Handle:Failed');
    return errorResponse(error);
  });
  app.notFound((c) =>
    errorResponse(new SluiceError('ROUTE_NOT_FOUND', `Route ${c.req.method} ${c.req.path} does not exist.`)),
  );
  const routes = [
    healthRoutes(deps, metrics),
    loginRoutes(deps),
    webhookRoutes(deps, metrics),
    eventRoutes(deps),
    functionRoutes(deps),
    landingRoutes(deps),
    uploadRoutes(deps),
    batchRoutes(deps),
    joinRoutes(deps),
    runRoutes(deps, logs.ofRun),
    runActionRoutes(deps),
    activityRoutes(deps),
    assetRoutes(deps),
    datasetRoutes(deps),
    deadLetterRoutes(deps),
    overviewRoutes(deps),
    reconcileRoutes(deps),
    systemRoutes(deps, logs.ofFunction),
    dashboardRoutes(),
  ];
  for (const route of routes) app.route('/', route);
  return app;
}
