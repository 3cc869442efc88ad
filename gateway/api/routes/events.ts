import { Hono } from 'hono';
import { MAX_EVENT_BYTES, readEvent } from '#shared/events/http.ts';
import type { GatewayDeps } from '../deps.ts';
import { readBody } from '../http/request-body.ts';

/**
 * POST /events: one CloudEvent, binary or structured, to everybody who subscribed to its type. 202 when it is durable;
 * the same event id again adds nothing. 400 EVENT_INVALID.
 */
export function eventRoutes({ router }: GatewayDeps): Hono {
  return new Hono().post('/events', async (c) => {
    const event = readEvent(c.req.header(), await readBody(c.req.raw, MAX_EVENT_BYTES));
    await router.publish(event);
    return c.json({ id: event.id, type: event.type }, 202);
  });
}
