/** Who may use which route: the only place that decides it. docs/operations.md describes it for operators. */

/** Each role has the rights of those before it. */
export const ROLES = ['viewer', 'operator', 'admin'] as const;
export type Role = (typeof ROLES)[number];

export function hasRole(own: Role, required: Role): boolean {
  return ROLES.indexOf(own) >= ROLES.indexOf(required);
}

/**
 * The role of a route, or who else may use it:
 * - `public`: everyone.
 * - `webhook`: programs with WEBHOOK_TOKEN, also without access control.
 * - `events`: programs with WEBHOOK_TOKEN.
 * - `calls`: operators, and programs with WEBHOOK_TOKEN.
 * - `metrics`: viewers, and programs with METRICS_TOKEN.
 */
export type RouteAccess = Role | 'public' | 'webhook' | 'events' | 'calls' | 'metrics';

/** Each route of the gateway, as `METHOD PATH` of Hono. A route without a row is for admins only. */
export const ROUTE_ROLES: Readonly<Record<string, RouteAccess>> = {
  'GET /healthz': 'public',
  'GET /metrics': 'metrics',
  'POST /webhooks/minio': 'webhook',
  'POST /events': 'events',

  'GET /login': 'public',
  'GET /login/style.css': 'public',
  'GET /login/oidc': 'public',
  'GET /login/oidc/callback': 'public',
  'POST /login': 'public',
  'POST /logout': 'public',
  'GET /api/session': 'viewer',

  'GET /': 'viewer',
  'GET /ui': 'viewer',
  'GET /ui/*': 'viewer',

  'GET /api/health': 'viewer',
  'GET /api/runs': 'viewer',
  'GET /api/runs/:run_id': 'viewer',
  'GET /api/runs/:run_id/events': 'viewer',
  'GET /api/runs/:run_id/log': 'viewer',
  'GET /api/runs/:run_id/manifest': 'viewer',
  'GET /api/runs/:run_id/steps/:step/event': 'viewer',
  'GET /api/runs/:run_id/activity': 'viewer',
  'GET /api/batches/:batch_id': 'viewer',
  'GET /api/batches/:batch_id/events': 'viewer',
  'GET /api/manifest-options': 'viewer',
  'GET /api/activity': 'viewer',
  'GET /api/overview': 'viewer',
  'GET /api/assets': 'viewer',
  'GET /api/assets/:id': 'viewer',
  'GET /api/assets/:id/download': 'viewer',
  'GET /api/assets/:id/lineage': 'viewer',
  'GET /api/datasets': 'viewer',
  'GET /api/datasets/:id': 'viewer',
  'GET /api/joins/sources': 'viewer',
  'GET /api/joins/sources/:id': 'viewer',
  'GET /api/function-calls': 'viewer',
  'GET /api/dead-letters': 'viewer',
  'GET /api/dead-letters/:id': 'viewer',

  'PUT /api/landing/*': 'operator',
  'POST /api/uploads/plan': 'operator',
  'POST /api/uploads/inspect': 'operator',
  'POST /api/joins/preview': 'operator',
  'POST /api/batches/check': 'operator',
  'POST /api/batches': 'operator',
  'POST /api/runs/:run_id/rerun': 'operator',
  'POST /api/runs/:run_id/cancel': 'operator',
  'POST /api/dead-letters/:id/redrive': 'operator',
  'POST /api/dead-letters/:id/discard': 'operator',
  'DELETE /api/dead-letters/:id': 'operator',
  // It can read the whole lake.
  'GET /api/reconcile': 'operator',
  'ALL /function/:name': 'calls',
  'ALL /function/:name/*': 'calls',
  'POST /async-function/:name': 'calls',
  'POST /async-function/:name/*': 'calls',

  'PUT /api/datasets/:id/retention': 'admin',

  'GET /system/info': 'viewer',
  'GET /system/namespaces': 'viewer',
  'GET /system/namespace/:name': 'viewer',
  'GET /system/functions': 'viewer',
  'GET /system/function/:name': 'viewer',
  'GET /system/logs': 'viewer',
  'GET /system/secrets': 'admin',
  'POST /system/secrets': 'admin',
  'PUT /system/secrets': 'admin',
  'DELETE /system/secrets': 'admin',
  'POST /system/functions': 'admin',
  'PUT /system/functions': 'admin',
  'DELETE /system/functions': 'admin',
  'POST /system/scale-function/:name': 'admin',
};

export interface MatchedRoute {
  method: string;
  path: string;
}

/** Routes of Hono that are not routes but checks of every request below their path. */
const CHECKS = new Set(['ALL /*', 'ALL /api/*']);

/** Whether the entry of Hono is a route, and not a check of every request. */
export function isRoute({ method, path }: MatchedRoute): boolean {
  return !CHECKS.has(`${method} ${path}`);
}

/** The access of a request. `matched` are the entries of Hono that match it. An unknown path is for viewers. */
export function accessOf(matched: readonly MatchedRoute[]): RouteAccess {
  const [route] = matched.filter(isRoute);
  if (route === undefined) return 'viewer';
  return ROUTE_ROLES[`${route.method} ${route.path}`] ?? 'admin';
}
