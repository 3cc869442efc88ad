/** Requests to the JSON API of the gateway. */

/** The error document of the API, or what the browser reports about a failed connection. */
export class ApiError extends Error {
  readonly code: string;
  readonly status: number;

  constructor(message: string, code: string, status: number) {
    super(message);
    this.name = 'ApiError';
    this.code = code;
    this.status = status;
  }
}

/** The code of a request without a response. */
export const UNREACHABLE = 'GATEWAY_UNREACHABLE';

type Query = Record<string, string | number | undefined>;

/** A path with its query. Undefined and empty parameters are left out. */
export function withQuery(path: string, query: Query): string {
  const given = Object.entries(query).filter(([, value]) => value !== undefined && value !== '');
  const text = new URLSearchParams(given.map(([name, value]) => [name, String(value)])).toString();
  return text === '' ? path : `${path}?${text}`;
}

/** Reads a document. The type is the one of the route (shared/api/views.ts). Throws ApiError. */
export async function getJson<T>(path: string, signal?: AbortSignal): Promise<T> {
  return (await (await send(path, { signal: signal ?? null })).json()) as T;
}

/** Sends a JSON body, and returns the document of the response. Throws ApiError. */
export async function sendJson<T>(
  method: 'POST' | 'PUT' | 'DELETE',
  path: string,
  body?: unknown,
  signal?: AbortSignal,
): Promise<T> {
  const content = body === undefined ? {} : { body: JSON.stringify(body) };
  const headers = { 'content-type': 'application/json' };
  const response = await send(path, { method, headers, signal: signal ?? null, ...content });
  const text = await response.text();
  return (text === '' ? undefined : JSON.parse(text)) as T;
}

/** The response, if its status is a success. Throws ApiError. */
export async function send(path: string, init: RequestInit): Promise<Response> {
  let response;
  try {
    response = await fetch(path, init);
  } catch (cause) {
    if (init.signal?.aborted) throw cause;
    throw new ApiError('The gateway does not respond. Check that Sluice is running.', UNREACHABLE, 0);
  }
  if (response.status === UNAUTHORIZED) openLogin();
  if (!response.ok) throw await errorOf(response);
  return response;
}

const UNAUTHORIZED = 401;

/** Replaces the page by the login, which returns to it. */
function openLogin(): void {
  const { pathname, search } = window.location;
  window.location.assign(withQuery('/login', { next: pathname + search }));
}

async function errorOf(response: Response): Promise<ApiError> {
  return errorOfText(await response.text(), response.status);
}

/** The error in the body of a response. */
export function errorOfText(text: string, status: number): ApiError {
  try {
    const { error } = JSON.parse(text) as { error: { code: string; message: string } };
    return new ApiError(error.message, error.code, status);
  } catch {
    // /system answers with plain text, and a proxy with a page of its own.
    const message = text.trim().startsWith('<') || text.trim() === '' ? `HTTP status ${status}` : text.trim();
    return new ApiError(message, `HTTP_${status}`, status);
  }
}
