import { ERROR_CODES, type ErrorCodeName } from '#shared/errors/codes.ts';
import { SluiceError, type ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { HttpReply } from './http.ts';

/** Delay before a retry after a transient error without `retryAfterSeconds`. */
const DEFAULT_RETRY_AFTER_SECONDS = 1;
const UNPROCESSABLE = 422;
const CONFLICT = 409;
const UNAVAILABLE = 503;
/** Response bodies that are not error documents are quoted up to this length. */
const QUOTED_CHARACTERS = 300;

/** HTTP status of an error. 422 is final; 503 is retried; 409 is retried and does not count as an attempt. */
export function statusOf(error: SluiceError): number {
  if (error.code === 'STEP_BUSY') return CONFLICT;
  return error.retryable ? UNAVAILABLE : UNPROCESSABLE;
}

/** An error as an HTTP reply: `{"error":{code,message,details}}`, and `Retry-After` for a transient error. */
export function writeError(error: SluiceError): HttpReply {
  const retryAfter = Math.ceil(error.retryAfterSeconds ?? DEFAULT_RETRY_AFTER_SECONDS);
  return {
    status: statusOf(error),
    headers: { 'content-type': 'application/json', ...(error.retryable ? { 'retry-after': String(retryAfter) } : {}) },
    body: JSON.stringify({ error: error.toDocument() }),
  };
}

/** The error of a reply that is not 2xx: the document of the function, or by status when a proxy responded. */
export function readError(name: string, status: number, retryAfter: string | undefined, body: string): SluiceError {
  const retryAfterSeconds = retryAfter !== undefined && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined;
  const document = documentIn(body);
  const details = { ...document?.details, function: name, status };
  if (document && ERROR_CODES[document.code].retryable === isRetried(status)) {
    return new SluiceError(document.code, document.message, { details: document.details, retryAfterSeconds });
  }
  const text = document?.message ?? body.slice(0, QUOTED_CHARACTERS).trim();
  return new SluiceError(
    codeOf(status),
    `Function ${name} responded with status ${status}${text ? `: ${text}` : '.'}`,
    {
      details,
      retryAfterSeconds,
    },
  );
}

/** 408, 409, 429 and 5xx are retried, as by a Knative broker; all other statuses are final. */
function isRetried(status: number): boolean {
  return status === 408 || status === CONFLICT || status === 429 || status >= 500;
}

function codeOf(status: number): ErrorCodeName {
  if (status === CONFLICT || status === 429) return 'STEP_BUSY'; // 429: max_inflight of the watchdog.
  if (status === 408 || status === 504) return 'STEP_TIMEOUT';
  if (status >= 500) return 'FUNCTION_UNAVAILABLE';
  if (status === 404) return 'FUNCTION_NOT_FOUND';
  if (status === 401 || status === 403) return 'UNAUTHORIZED';
  return 'REQUEST_INVALID';
}

function documentIn(body: string): ErrorDocument | undefined {
  try {
    const { error } = JSON.parse(body) as { error?: Partial<ErrorDocument> };
    if (!error?.code || !Object.hasOwn(ERROR_CODES, error.code)) return undefined;
    return { code: error.code, message: String(error.message ?? ''), details: error.details ?? {} };
  } catch {
    return undefined;
  }
}
