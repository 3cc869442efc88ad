import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { z } from 'zod';
import { cancelRun } from '#shared/run-control/end-run.ts';
import { rerun } from '#shared/run-control/rerun.ts';
import { visibleText } from '#shared/text/visible-text.ts';
import type { GatewayDeps } from '../deps.ts';
import { readJson } from '../http/request-body.ts';
import { noQuery, operatorOf } from '../http/request-fields.ts';
import { findRun, viewOfRun } from './runs.ts';

const MAX_REQUEST_ID_CHARACTERS = 128;
const RerunBody = z.strictObject({
  request_id: visibleText(MAX_REQUEST_ID_CHARACTERS, { identifier: true }).optional(),
  force: z.boolean().default(false),
});

/**
 * Actions of an operator on a run. Both return a RunView; an unknown id is 404 RUN_NOT_FOUND.
 *
 * POST /api/runs/:run_id/rerun `{request_id?, force?}` starts a new run of the same manifest and returns 201. A
 * repeated request_id returns the run of the first request with 200. A running run is 409 TRANSITION_ILLEGAL. Without
 * `force`, the run links an existing asset of the same input.
 *
 * POST /api/runs/:run_id/cancel ends the run with status canceled. A repeated request returns the same. A run that
 * ended with another status is 409 TRANSITION_ILLEGAL.
 */
export function runActionRoutes(deps: GatewayDeps): Hono {
  return new Hono()
    .post('/api/runs/:run_id/rerun', noQuery, async (c) => {
      const { run_id } = await findRun(deps, c.req.param('run_id'));
      const { request_id, force } = await readJson(c.req.raw, RerunBody);
      const request = { operator: operatorOf(c), requestId: request_id ?? randomUUID(), force };
      const { run, created } = await rerun(run_id, request, deps);
      return c.json(await viewOfRun(deps, run), created ? 201 : 200);
    })
    .post('/api/runs/:run_id/cancel', noQuery, async (c) => {
      const { run_id } = await findRun(deps, c.req.param('run_id'));
      return c.json(await viewOfRun(deps, await cancelRun(run_id, operatorOf(c), deps)));
    });
}
