import { ERROR_CODES, type ErrorCodeName } from '#shared/errors/codes.ts';
import { SluiceError, type ErrorDocument } from '#shared/errors/sluice-error.ts';
import type { HttpReply } from './http.ts';

/** Seconds that a caller waits after a transient error that names none. */
const DEFAULT_RETRY_AFTER_SECONDS = 1;
const UNPROCESSABLE = 422;
const CONFLICT = 409;
const UNAVAILABLE = 503;
/** An error text that is not of Sluice is quoted up to here. */
const QUOTED_CHARACTERS = 300;

/** HTTP status of an error: 422 is final, 503 is tried again, 409 too but does not count as a try. */
export function statusOf(error: SluiceError): number {
  if (error.code === 'STEP_BUSY') return CONFLICT;
  return error.retryable ? UNAVAILABLE : UNPROCESSABLE;
}

/** An error as a reply: `{"error":{code,message,details}}`, and `Retry-After` when trying again makes sense. */
export function writeError(error: SluiceError): HttpReply {
  const retryAfter = Math.ceil(error.retryAfterSeconds ?? DEFAULT_RETRY_AFTER_SECONDS);
  return {
    status: statusOf(error),
    headers: { 'content-type': 'application/json', ...(error.retryable ? { 'retry-after': String(retryAfter) } : {}) },
    body: JSON.stringify({ error: error.toDocument() }),
  };
}

/** The error behind a reply that is not 2xx: a function's own document, or what the status means when something between answered. */
export function readError(name: string, status: number, retryAfter: string | undefined, body: string): SluiceError {
  const retryAfterSeconds = retryAfter !== undefined && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined;
  const document = documentIn(body);
  const details = { ...document?.details, function: name, status };
  if (document && ERROR_CODES[document.code].retryable === isRetried(status)) {
    return new SluiceError(document.code, document.message, { details: document.details, retryAfterSeconds });
  }
  const said = document?.message ?? body.slice(0, QUOTED_CHARACTERS).trim();
  return new SluiceError(codeOf(status), `Function ${name} answered ${status}${said ? `: ${said}` : '.'}`, {
    details,
    retryAfterSeconds,
  });
}

/** 408, 409, 429 and 5xx are retried, as a Knative broker does; everything else is final. */
function isRetried(status: number): boolean {
  return status === 408 || status === CONFLICT || status === 429 || status >= 500;
}

function codeOf(status: number): ErrorCodeName {
  if (status === CONFLICT || status === 429) return 'STEP_BUSY'; // 429: the watchdog's max_inflight is reached.
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
