import { Hono } from 'hono';
import { z } from 'zod';
import { discardDeadLetter, getDeadLetter, listDeadLetters, redriveDeadLetter } from '../dead-letter-actions.ts';
import type { GatewayDeps } from '../deps.ts';
import { noQuery, PAGE, parseQuery, operatorOf } from '../http/request-fields.ts';

const DeadLettersQuery = z.strictObject(PAGE);

/**
 * Dead letters. An unknown id is 404 DEAD_LETTER_NOT_FOUND.
 *
 * GET /api/dead-letters?limit&offset returns DeadLetterView[], newest first.
 * GET /api/dead-letters/:id returns a DeadLetterView.
 * POST /api/dead-letters/:id/redrive publishes the event again and returns the DeadLetter; 409 RUN_CLOSED or
 * MANIFEST_GONE if that would have no effect.
 * DELETE /api/dead-letters/:id, or POST /api/dead-letters/:id/discard, deletes the dead letter and returns it.
 */
export function deadLetterRoutes(deps: GatewayDeps): Hono {
  return new Hono()
    .get('/api/dead-letters', async (c) => c.json(await listDeadLetters(deps, parseQuery(DeadLettersQuery, c))))
    .get('/api/dead-letters/:id', noQuery, async (c) => c.json(await getDeadLetter(c.req.param('id'), deps)))
    .post('/api/dead-letters/:id/redrive', noQuery, async (c) =>
      c.json(await redriveDeadLetter(c.req.param('id'), operatorOf(c), deps)),
    )
    .post('/api/dead-letters/:id/discard', noQuery, async (c) =>
      c.json(await discardDeadLetter(c.req.param('id'), operatorOf(c), deps)),
    )
    .delete('/api/dead-letters/:id', noQuery, async (c) =>
      c.json(await discardDeadLetter(c.req.param('id'), operatorOf(c), deps)),
    );
}
