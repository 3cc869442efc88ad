import type { Context, MiddlewareHandler } from 'hono';
import { z } from 'zod';
import { MAX_LIMIT } from '#shared/api/views.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { DEFAULT_LIMIT } from '#shared/ledger/ledger.ts';
import { describedAs, type FieldIssue, firstFieldIssues, MAX_ISSUES_IN_MESSAGE } from '#shared/text/describe-issue.ts';
import { readAtMost } from '#shared/streams/read-at-most.ts';
import { listClauses } from '#shared/text/list-names.ts';
import { textProblem } from '#shared/text/visible-text.ts';
import { principalOf } from './principal.ts';

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
  const result = schema.safeParse(value, describedAs(FIELD_TERMS[source]));
  if (result.success) return result.data;
  const { issues, count } = firstFieldIssues(result.error.issues, source);
  throw invalid(source, issues, count);
}

/** `count` is the number of all issues; a message names the first. */
function invalid(source: 'query' | 'body', issues: FieldIssue[], count = issues.length): SluiceError {
  const problems = issues.map(({ field, message }) => `${field} ${message}`);
  const text = listClauses(problems, MAX_ISSUES_IN_MESSAGE, count);
  return new SluiceError('REQUEST_INVALID', `Invalid ${source}: ${text}.`, { details: { issues } });
}

/** Header with the name of the operator, in percent-encoded UTF-8 because headers are ASCII. */
const OPERATOR_HEADER = 'X-Operator';
/** The operator of a request without the header. */
const ANONYMOUS = 'anonymous';
/** The limit of an uploader's name in a manifest. */
const MAX_CHARACTERS = 128;

/**
 * The operator of a request: the user who has logged in. Without a login, the client names the operator. Throws
 * REQUEST_INVALID.
 */
export function operatorOf(c: Context): string {
  const operator = parseOperator(c.req.header(OPERATOR_HEADER));
  return principalOf(c)?.name ?? operator;
}

/** Throws REQUEST_INVALID for invisible characters, invalid percent-encoding, and a name that is too long. */
export function parseOperator(header: string | undefined): string {
  if (header === undefined || header.trim() === '') return ANONYMOUS;
  const decoded = decode(header);
  const operator = decoded.trim();
  if (/^ *$/.test(decoded)) return ANONYMOUS;
  const problem = textProblem(decoded) ?? textProblem(operator, { identifier: true });
  if (problem !== undefined) throw invalidOperator(problem);
  if ([...operator].length > MAX_CHARACTERS) throw invalidOperator(`is longer than ${MAX_CHARACTERS} characters`);
  return operator;
}

function decode(header: string): string {
  try {
    return decodeURIComponent(header);
  } catch {
    throw invalidOperator('is not valid percent-encoding; write % as %25');
  }
}

function invalidOperator(problem: string): SluiceError {
  return new SluiceError('REQUEST_INVALID', `The header ${OPERATOR_HEADER} ${problem}.`, {
    details: { header: OPERATOR_HEADER },
  });
}

/** The JSON bodies of the API hold a few options. */
const MAX_JSON_BYTES = 16 * 2 ** 10;

/** The body of a request. Throws REQUEST_TOO_LARGE. */
export function readBody(request: Request, maxBytes: number): Promise<Buffer> {
  const tooLarge = () =>
    new SluiceError('REQUEST_TOO_LARGE', `The body is larger than ${maxBytes} bytes.`, {
      details: { max_bytes: maxBytes },
    });
  if (Number(request.headers.get('content-length') ?? 0) > maxBytes) return Promise.reject(tooLarge());
  return request.body === null ? Promise.resolve(Buffer.alloc(0)) : readAtMost(request.body, maxBytes, tooLarge);
}

/**
 * The JSON body of a request, validated by a schema. An empty body is `{}`. Throws REQUEST_INVALID, REQUEST_TOO_LARGE.
 */
export async function readJson<S extends z.ZodType>(
  request: Request,
  schema: S,
  maxBytes = MAX_JSON_BYTES,
): Promise<z.output<S>> {
  const text = (await readBody(request, maxBytes)).toString('utf8');
  return parseFields(schema, text.trim() === '' ? {} : parseJson(text), 'body');
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new SluiceError('REQUEST_INVALID', 'The body is not valid JSON.', { cause });
  }
}
