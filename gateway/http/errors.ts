import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { ERROR_CODES, type ErrorCodeName } from '#shared/errors/codes.ts';
import { asSluiceError, type ErrorDocument, type SluiceError } from '#shared/errors/sluice-error.ts';

/** Codes whose HTTP status says more than "permanent" or "transient". */
const STATUS: Partial<Record<ErrorCodeName, ContentfulStatusCode>> = {
  REQUEST_INVALID: 400,
  EVENT_INVALID: 400,
  UNAUTHORIZED: 401,
  ORIGIN_FORBIDDEN: 403,
  RUN_NOT_FOUND: 404,
  ASSET_NOT_FOUND: 404,
  BATCH_NOT_FOUND: 404,
  FUNCTION_NOT_FOUND: 404,
  ROUTE_NOT_FOUND: 404,
  STEP_BUSY: 409,
  TRANSITION_ILLEGAL: 409,
  LENGTH_REQUIRED: 411,
  REQUEST_TOO_LARGE: 413,
  FILE_TOO_LARGE: 413,
  RANGE_INVALID: 416,
};

/** A transient error without a wait of its own asks for this one. */
const RETRY_AFTER_SECONDS = 1;

/** The HTTP status of an error: 503 for a transient one, 422 for a permanent one, unless its code has a better one. */
export function statusOf(error: SluiceError): ContentfulStatusCode {
  return STATUS[error.code] ?? (ERROR_CODES[error.code].retryable ? 503 : 422);
}

/** Anything thrown, as a reply: `{"error":{code,message,details}}`, with `Retry-After` when another try can succeed. */
export function errorResponse(thrown: unknown): Response {
  const error = asSluiceError(thrown);
  const body: { error: ErrorDocument } = { error: error.toDocument() };
  const headers = error.retryable ? { 'retry-after': String(Math.ceil(error.retryAfterSeconds ?? RETRY_AFTER_SECONDS)) } : undefined;
  return Response.json(body, { status: statusOf(error), ...(headers ? { headers } : {}) });
}
