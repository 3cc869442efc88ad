import type { Context, MiddlewareHandler } from 'hono';
import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { parseFields } from './wrong-fields.ts';

/** Rows that one page of a list holds, unless asked otherwise, and at most. */
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;

/** `limit` and `offset` of every list. */
export const PAGE = {
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
  offset: z.coerce.number().int().min(0).default(0),
};

/** The query of a request by its schema. Throws REQUEST_INVALID that names each parameter that is wrong, unknown or given twice. */
export function parseQuery<S extends z.ZodType>(schema: S, c: Context): z.output<S> {
  const twice = Object.entries(c.req.queries()).find(([, values]) => values.length > 1)?.[0];
  if (twice !== undefined)
    throw new SluiceError('REQUEST_INVALID', `Wrong query: ${twice} is given twice.`, {
      details: { issues: [{ field: twice, message: 'is given twice' }] },
    });
  return parseFields(schema, c.req.query(), 'query');
}

/** Before a route that takes no parameters: one that is ignored looks like one that was heeded. Throws REQUEST_INVALID. */
export const noQuery: MiddlewareHandler = async (c, next) => {
  parseQuery(z.strictObject({}), c);
  await next();
};
