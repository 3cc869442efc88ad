import type { ErrorCodeName } from '#shared/errors/codes.ts';
import { asSluiceError, type SluiceError } from '#shared/errors/sluice-error.ts';
import { writeError } from '#shared/events/http.ts';

/** Error codes with a more precise HTTP status than 422 (permanent) or 503 (transient). */
const STATUS: Partial<Record<ErrorCodeName, number>> = {
  REQUEST_INVALID: 400,
  EVENT_INVALID: 400,
  UNAUTHORIZED: 401,
  FORBIDDEN: 403,
  ORIGIN_FORBIDDEN: 403,
  RUN_NOT_FOUND: 404,
  DATASET_NOT_FOUND: 404,
  ASSET_NOT_FOUND: 404,
  DEAD_LETTER_NOT_FOUND: 404,
  BATCH_NOT_FOUND: 404,
  FUNCTION_NOT_FOUND: 404,
  SECRET_NOT_FOUND: 404,
  ROUTE_NOT_FOUND: 404,
  TRANSITION_ILLEGAL: 409,
  RUN_CLOSED: 409,
  MANIFEST_GONE: 409,
  SECRET_CONFLICT: 409,
  LENGTH_REQUIRED: 411,
  REQUEST_TOO_LARGE: 413,
  FILE_TOO_LARGE: 413,
  RANGE_INVALID: 416,
  TOO_MANY_ATTEMPTS: 429,
};

/** The response to an error: `{"error":{code,message,details}}`, with `Retry-After` if a retry can succeed. */
export function errorResponse(thrown: unknown): Response {
  const error = asSluiceError(thrown);
  const { status, headers, body } = writeError(error);
  return new Response(body, { status: STATUS[error.code] ?? status, headers });
}

/** The HTTP status of an error. */
export function statusOf(error: SluiceError): number {
  return STATUS[error.code] ?? writeError(error).status;
}
