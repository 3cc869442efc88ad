import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** Rows that one page of a list holds, unless asked otherwise, and at most. */
const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;

/** `limit` and `offset` of every list. */
export const PAGE = {
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
  offset: z.coerce.number().int().min(0).default(0),
};

/** The query of a request by its schema. Throws REQUEST_INVALID that names each wrong parameter. */
export function parseQuery<S extends z.ZodType>(schema: S, query: Record<string, string>): z.infer<S> {
  const result = schema.safeParse(query);
  if (result.success) return result.data;
  const issues = result.error.issues.map((issue) => `${issue.path.join('.') || 'query'}: ${issue.message}`);
  throw new SluiceError('REQUEST_INVALID', `Wrong query: ${issues.join('; ')}.`, { details: { issues } });
}
