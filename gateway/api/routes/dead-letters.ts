import { Hono } from 'hono';
import { z } from 'zod';
import type { GatewayDeps } from '../deps.ts';
import { OPERATOR_HEADER, operatorOf } from '../http/operator-header.ts';
import { discardDeadLetter, getDeadLetter, listDeadLetters, redriveDeadLetter } from '../dead-letter-actions.ts';
import { noQuery, PAGE, parseQuery } from '../http/request-fields.ts';

const DeadLettersQuery = z.strictObject(PAGE);

/**
 * Events that no try could deliver; the header X-Operator names who acts. 404 DEAD_LETTER_NOT_FOUND.
 *
 * GET /api/dead-letters?limit&offset and /api/dead-letters/:id: with `redrivable`, and `advice` when delivering it again would do nothing.
 * POST /api/dead-letters/:id/redrive: delivers it again, 409 RUN_CLOSED or MANIFEST_GONE (with what to do instead) when that would do nothing.
 * DELETE /api/dead-letters/:id, or POST …/discard: takes it off the list.
 */
export function deadLetterRoutes(deps: GatewayDeps): Hono {
  return new Hono()
    .get('/api/dead-letters', async (c) => c.json(await listDeadLetters(deps, parseQuery(DeadLettersQuery, c))))
    .get('/api/dead-letters/:id', noQuery, async (c) => c.json(await getDeadLetter(c.req.param('id'), deps)))
    .post('/api/dead-letters/:id/redrive', noQuery, async (c) =>
      c.json(await redriveDeadLetter(c.req.param('id'), operatorOf(c.req.header(OPERATOR_HEADER)), deps)),
    )
    .post('/api/dead-letters/:id/discard', noQuery, async (c) =>
      c.json(await discardDeadLetter(c.req.param('id'), operatorOf(c.req.header(OPERATOR_HEADER)), deps)),
    )
    .delete('/api/dead-letters/:id', noQuery, async (c) =>
      c.json(await discardDeadLetter(c.req.param('id'), operatorOf(c.req.header(OPERATOR_HEADER)), deps)),
    );
}
