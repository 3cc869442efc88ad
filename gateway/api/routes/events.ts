import { Hono } from 'hono';
import { MAX_EVENT_BYTES, readEvent } from '#shared/events/http.ts';
import type { GatewayDeps } from '../deps.ts';
import { readBody } from '../http/request-body.ts';

/**
 * POST /events publishes one CloudEvent, in binary or structured mode. It returns 202 when the event is stored durably.
 * Publishing the same event again has no effect. An invalid event is 400 EVENT_INVALID.
 */
export function eventRoutes({ router }: GatewayDeps): Hono {
  return new Hono().post('/events', async (c) => {
    const event = readEvent(c.req.header(), await readBody(c.req.raw, MAX_EVENT_BYTES));
    await router.publish(event);
    return c.json({ id: event.id, type: event.type }, 202);
  });
}
