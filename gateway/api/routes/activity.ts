import { Hono } from 'hono';
import { z } from 'zod';
import type { GatewayDeps } from '../deps.ts';
import { PAGE, parseQuery } from '../http/request-fields.ts';
import { activityView } from '#shared/api/create-views.ts';
import { findRun } from './runs.ts';

const ActivityQuery = z.strictObject({ ...PAGE, batch_id: z.string().optional() });
const RunActivityQuery = z.strictObject(PAGE);

/**
 * The activity log, newest first:
 * GET /api/activity?batch_id&limit&offset and
 * GET /api/runs/:run_id/activity?limit&offset return ActivityView[].
 */
export function activityRoutes(deps: GatewayDeps): Hono {
  const { ledger } = deps;
  return new Hono()
    .get('/api/activity', async (c) =>
      c.json((await ledger.listActivity(parseQuery(ActivityQuery, c))).map(activityView)),
    )
    .get('/api/runs/:run_id/activity', async (c) => {
      const { run_id } = await findRun(deps, c.req.param('run_id'));
      return c.json((await ledger.listActivity({ ...parseQuery(RunActivityQuery, c), run_id })).map(activityView));
    });
}
