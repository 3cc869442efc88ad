import { CloudEvent, type CloudEventV1, HTTP, ValidationError } from 'cloudevents';
import { ERROR_CODES, type ErrorCodeName } from '#shared/errors/codes.ts';
import { type ErrorDocument, SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from './event.ts';

/**
 * CloudEvents over HTTP: the HTTP protocol binding 1.0.2, binary and structured mode, JSON data. The package
 * `cloudevents` maps attributes. It lacks the percent-encoding of header values (binding 3.1.3.2), parameters of
 * content types, and the rejection of events without a required attribute; these are implemented here.
 */
export interface HttpReply {
  status: number;
  headers: Record<string, string>;
  body: string;
}

export type RequestHeaders = Record<string, string | string[] | undefined>;

/** Largest event. The events of a run with 1,000 files and 1,600 columns are smaller. */
export const MAX_EVENT_BYTES = 2 ** 20;
/** An event of Sluice has 8. The validation of 100,000 attributes takes seconds. */
const MAX_ATTRIBUTES = 100;
/** Characters of a content type in a message. */
const SHOWN_CHARACTERS = 100;

export const STRUCTURED = 'application/cloudevents+json';
const JSON_TYPE = /^application\/(?:[\w.-]+\+)?json$/;
const REQUIRED = ['specversion', 'id', 'source', 'type'] as const;

/** Parses the event of a request or reply. Throws EVENT_INVALID that names the missing or invalid attribute. */
export function readEvent(headers: RequestHeaders, body: string | Uint8Array): SluiceEvent {
  const text = typeof body === 'string' ? body : decodeUtf8(body);
  if (Buffer.byteLength(text) > MAX_EVENT_BYTES) throw invalid(`it is larger than ${MAX_EVENT_BYTES} bytes`);
  const named = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(',') : value,
    ]),
  );
  const mediaType = (named['content-type'] ?? '').split(';')[0]?.trim().toLowerCase() ?? '';
  if (mediaType.startsWith('application/cloudevents-batch'))
    throw invalid('it is a batch; send one event in a request');
  const attributes = mediaType.startsWith('application/cloudevents')
    ? fromBody(mediaType, text)
    : fromHeaders(named, mediaType, text);
  const missing = REQUIRED.filter((name) => typeof attributes[name] !== 'string' || attributes[name] === '');
  if (missing.length > 0) throw invalid(`${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} missing`);
  if (attributes.specversion !== '1.0')
    throw invalid(`specversion is ${String(attributes.specversion)}; only 1.0 is accepted`);
  return validated(attributes);
}

/** An event as a reply or request in binary mode. */
export function writeEvent(event: SluiceEvent): HttpReply {
  const message = HTTP.binary(new CloudEvent({ ...event, data: undefined }, false));
  const headers = Object.entries(message.headers).map(([name, value]) => [
    name.toLowerCase(),
    name.startsWith('ce-') ? percentEncode(String(value)) : String(value),
  ]);
  return {
    status: 200,
    headers: {
      ...(Object.fromEntries(headers) as Record<string, string>),
      'ce-time': event.time,
      'content-type': 'application/json',
    },
    body: event.data === undefined ? '' : JSON.stringify(event.data),
  };
}

function fromBody(mediaType: string, text: string): Record<string, unknown> {
  if (mediaType !== STRUCTURED) throw invalid(`content type ${mediaType} is not accepted; use ${STRUCTURED}`);
  const parsed = parseJson(text, 'the body');
  if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed))
    throw invalid('the body is not a JSON object');
  limitAttributes(parsed);
  const { data_base64: base64, ...event } = parsed as Record<string, unknown>;
  const type =
    typeof event.datacontenttype === 'string'
      ? (event.datacontenttype.split(';')[0]?.trim().toLowerCase() ?? '')
      : 'application/json';
  if (!JSON_TYPE.test(type))
    throw invalid(`datacontenttype is ${JSON.stringify(type.slice(0, SHOWN_CHARACTERS))}; only JSON is accepted`);
  if (base64 === undefined) return event;
  if (typeof base64 !== 'string') throw invalid('data_base64 is not a string');
  return { ...event, data: parseJson(decodeUtf8(Buffer.from(base64, 'base64')), 'data_base64') };
}

function fromHeaders(
  headers: Record<string, string | undefined>,
  mediaType: string,
  text: string,
): Record<string, unknown> {
  const attributes: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(headers)) {
    const attribute = name.startsWith('ce-') ? name.slice('ce-'.length) : '';
    if (/^[a-z0-9]+$/.test(attribute) && attribute !== 'data' && value !== undefined)
      attributes[attribute] = percentDecode(value);
  }
  limitAttributes(attributes);
  if (Object.keys(attributes).length === 0) throw invalid('the request has neither ce- headers nor a structured body');
  if (text !== '' && !JSON_TYPE.test(mediaType))
    throw invalid(`content type ${mediaType || '(none)'} is not accepted; data must be JSON`);
  return { ...attributes, data: text === '' ? undefined : parseJson(text, 'the data') };
}

function limitAttributes(event: object): void {
  const count = Object.keys(event).length;
  if (count > MAX_ATTRIBUTES) throw invalid(`it has ${count} attributes; at most ${MAX_ATTRIBUTES} are allowed`);
}

function validated(attributes: Record<string, unknown>): SluiceEvent {
  const event = {
    ...attributes,
    time: attributes.time ?? new Date().toISOString(),
    datacontenttype: 'application/json',
  };
  try {
    // Checks the names, types and formats of all attributes. Data is not checked here.
    new CloudEvent({ ...event, data: undefined } as Partial<CloudEventV1<undefined>>, true);
  } catch (thrown) {
    if (thrown instanceof Error) throw invalid(reasonOf(thrown), thrown);
    throw thrown;
  }
  return event as SluiceEvent;
}

/** The errors of ajv contain the attribute as `/source`. */
function reasonOf(thrown: Error): string {
  const errors =
    thrown instanceof ValidationError && Array.isArray(thrown.errors)
      ? (thrown.errors as { instancePath?: string; message?: string }[])
      : [];
  const named = errors
    .filter((error) => error.instancePath)
    .map((error) => `${error.instancePath?.slice(1)} ${error.message}`);
  return named.length > 0 ? named.join('; ') : (thrown.message.split('\n')[0] ?? thrown.message);
}

/** Binding 3.1.3.2: encodes space, double quote, percent sign and everything but printable ASCII, as UTF-8. */
function percentEncode(value: string): string {
  return value
    .toWellFormed()
    .replaceAll(/[^\x21\x23\x24\x26-\x7e]/gu, (character) =>
      [...Buffer.from(character)].map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`).join(''),
    );
}

/** Tolerant, as the binding requires: a value that is not encoded is returned unchanged. */
function percentDecode(value: string): string {
  const utf8 = Buffer.from(value, 'latin1'); // Node decodes headers as Latin-1; some clients send UTF-8.
  const text = /[\x80-\xff]/.test(value) ? new TextDecoder().decode(utf8) : value;
  return text.replaceAll(/(?:%[0-9A-Fa-f]{2})+/g, (encoded) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded;
    }
  });
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (cause) {
    throw invalid('it is not UTF-8 text', cause);
  }
}

function parseJson(text: string, what: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw invalid(`${what} is not JSON (${cause instanceof Error ? cause.message : ''})`, cause);
  }
}

function invalid(reason: string, cause?: unknown): SluiceError {
  return new SluiceError('EVENT_INVALID', `Invalid CloudEvent: ${reason}.`, { cause });
}

/** Delay before a retry after a transient error without `retryAfterSeconds`. */
const DEFAULT_RETRY_AFTER_SECONDS = 1;
const UNPROCESSABLE = 422;
const CONFLICT = 409;
const UNAVAILABLE = 503;
/** Response bodies that are not error documents are quoted up to this length. */
const QUOTED_CHARACTERS = 300;
/**
 * Knative keeps 1,024 characters of base64 of an error reply, for `knativeerrordata`. Its dispatcher (Eventing 1.22)
 * panics on a longer reply.
 */
const MAX_ERROR_BYTES = 768;
/** Each step of shortening keeps this share of the message. */
const SHORTEN_BY = 0.9;

/** HTTP status of an error. 422 is final; 503 is retried; 409 is retried and does not count as an attempt. */
export function httpStatusOf(error: SluiceError): number {
  if (error.code === 'STEP_BUSY') return CONFLICT;
  return error.retryable ? UNAVAILABLE : UNPROCESSABLE;
}

/** An error as an HTTP reply: `{"error":{code,message,details}}`, and `Retry-After` for a transient error. */
export function writeError(error: SluiceError): HttpReply {
  const retryAfter = Math.ceil(error.retryAfterSeconds ?? DEFAULT_RETRY_AFTER_SECONDS);
  return {
    status: httpStatusOf(error),
    headers: { 'content-type': 'application/json', ...(error.retryable ? { 'retry-after': String(retryAfter) } : {}) },
    body: JSON.stringify({ error: error.toDocument() }),
  };
}

/**
 * An error reply of at most 768 bytes: valid JSON with the code. First the details are removed, then the message is
 * cut.
 */
export function shortErrorBody(document: ErrorDocument): string {
  const body = (error: ErrorDocument) => JSON.stringify({ error });
  const fits = (text: string) => Buffer.byteLength(text) <= MAX_ERROR_BYTES;
  if (fits(body(document))) return body(document);
  const characters = [...document.message];
  let kept = characters.length;
  for (;;) {
    const message = kept < characters.length ? `${characters.slice(0, kept).join('')}…` : document.message;
    const text = body({ ...document, details: {}, message });
    if (fits(text) || kept === 0) return text;
    kept = Math.floor(kept * SHORTEN_BY);
  }
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

/** 408, 409, 429 and 5xx are retried; all other statuses are final. A Knative broker also retries 404. */
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
