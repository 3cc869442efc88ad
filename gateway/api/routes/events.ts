import { Hono } from 'hono';
import { isStepEvent, parseRunId, STEP_EVENTS } from '#shared/events/event.ts';
import { MAX_EVENT_BYTES, readEvent } from '#shared/events/http.ts';
import type { GatewayDeps } from '../deps.ts';
import { readBody } from '../http/request-fields.ts';
import { findRun } from './runs.ts';

/**
 * POST /events publishes one CloudEvent, in binary or structured mode. It returns 202 when the router has stored the
 * event durably, or the broker has accepted it. A router ignores the same event for a day; a broker delivers it again,
 * except within a minute. An invalid event is 400 EVENT_INVALID. An event for a step of an unknown run is 404
 * RUN_NOT_FOUND: no function can process it, and its dead letter could not be re-driven. With access control, it
 * requires `Authorization: Bearer WEBHOOK_TOKEN`.
 */
export function eventRoutes(deps: GatewayDeps): Hono {
  return new Hono().post('/events', async (c) => {
    const event = readEvent(c.req.header(), await readBody(c.req.raw, MAX_EVENT_BYTES));
    if (isStepEvent(event)) await findRun(deps, parseRunId(event, ...STEP_EVENTS));
    await deps.router.publish(event);
    return c.json({ id: event.id, type: event.type }, 202);
  });
}
