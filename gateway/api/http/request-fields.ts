import type { Context, MiddlewareHandler } from 'hono';
import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { describeIssue } from '#shared/text/describe-issue.ts';

const DEFAULT_LIMIT = 50;
const MAX_LIMIT = 500;

/** The query parameters `limit` and `offset` of every list. */
export const PAGE = {
  limit: z.coerce.number().int().min(1).max(MAX_LIMIT).default(DEFAULT_LIMIT),
  offset: z.coerce.number().int().min(0).default(0),
};

const FIELD_TERMS = { query: 'parameter', body: 'field' } as const;

/** Parses the query of a request. Throws REQUEST_INVALID that names each invalid, unknown or repeated parameter. */
export function parseQuery<S extends z.ZodType>(schema: S, c: Context): z.output<S> {
  const repeated = Object.entries(c.req.queries()).find(([, values]) => values.length > 1)?.[0];
  if (repeated !== undefined) throw invalid('query', [{ field: repeated, message: 'is repeated' }]);
  return parseFields(schema, c.req.query(), 'query');
}

/**
 * Rejects a request with query parameters, for routes without any: a client would not notice that its parameter is
 * ignored. Throws REQUEST_INVALID.
 */
export const noQuery: MiddlewareHandler = async (c, next) => {
  parseQuery(z.strictObject({}), c);
  await next();
};

/** Parses the query or body of a request. Throws REQUEST_INVALID that names each invalid field. */
export function parseFields<S extends z.ZodType>(schema: S, value: unknown, source: 'query' | 'body'): z.output<S> {
  const result = schema.safeParse(value, { reportInput: true });
  if (result.success) return result.data;
  const issues = result.error.issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys')
      return [{ field: issue.path.join('.') || source, message: describeIssue(issue) }];
    const message = `is an unknown ${FIELD_TERMS[source]}${expectedBy(schema)}`;
    return issue.keys.map((field) => ({ field, message }));
  });
  throw invalid(source, issues);
}

function expectedBy(schema: z.ZodType): string {
  const fields = schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
  return fields.length === 0 ? '' : `; expected ${fields.length === 1 ? '' : 'one of '}${fields.join(', ')}`;
}

function invalid(source: 'query' | 'body', issues: { field: string; message: string }[]): SluiceError {
  const text = issues.map(({ field, message }) => `${field} ${message}`).join('; ');
  return new SluiceError('REQUEST_INVALID', `Invalid ${source}: ${text}.`, { details: { issues } });
}
