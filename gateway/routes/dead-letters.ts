import { Hono } from 'hono';
import type { GatewayDeps } from '../deps.ts';

/** GET /api/dead-letters: the events that no try could deliver, as the router lists them. */
export function deadLetterRoutes({ router }: GatewayDeps): Hono {
  return new Hono().get('/api/dead-letters', async (c) => c.json(await router.listDeadLetters()));
}
