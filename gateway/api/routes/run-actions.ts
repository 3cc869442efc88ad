import { randomUUID } from 'node:crypto';
import { Hono } from 'hono';
import { z } from 'zod';
import { cancel } from '#shared/run-control/cancel.ts';
import { rerun } from '#shared/run-control/rerun.ts';
import type { GatewayDeps } from '../deps.ts';
import { readJson } from '../http/json-body.ts';
import { OPERATOR_HEADER, operatorOf } from '../http/operator-header.ts';
import { findRun, viewOfRun } from './run-views.ts';
import { noQuery } from '../http/request-fields.ts';

const REQUEST_ID_CHARACTERS = 128;
const RerunBody = z.strictObject({
  request_id: z
    .string()
    .min(1)
    .max(REQUEST_ID_CHARACTERS)
    .regex(/^[^\u0000-\u001f\u007f]*$/, 'must not hold control characters')
    .optional(),
  force: z.boolean().default(false),
});
const CREATED = 201;

/**
 * What an operator does to a run; the header X-Operator names who it is. Both answer a RunView, and 404 RUN_NOT_FOUND.
 *
 * POST /api/runs/:run_id/rerun `{request_id?, force?}`: a new run of the same manifest, 201; with the request_id of an earlier request
 * the run that it made, 200. 409 TRANSITION_ILLEGAL while the run is under way. An asset of the same input is linked, not computed, unless `force`.
 * POST /api/runs/:run_id/cancel: ends the run as canceled, and a repeat answers the same. 409 TRANSITION_ILLEGAL when it has ended otherwise.
 */
export function runActRoutes(deps: GatewayDeps): Hono {
  return new Hono()
    .post('/api/runs/:run_id/rerun', noQuery, async (c) => {
      const { run_id } = await findRun(deps, c.req.param('run_id'));
      const { request_id, force } = await readJson(c.req.raw, RerunBody);
      const { run, created } = await rerun(
        run_id,
        { operator: operatorOf(c.req.header(OPERATOR_HEADER)), requestId: request_id ?? randomUUID(), force },
        deps,
      );
      return c.json(await viewOfRun(deps, run), created ? CREATED : undefined);
    })
    .post('/api/runs/:run_id/cancel', noQuery, async (c) => {
      const { run_id } = await findRun(deps, c.req.param('run_id'));
      return c.json(await viewOfRun(deps, await cancel(run_id, operatorOf(c.req.header(OPERATOR_HEADER)), deps)));
    });
}
