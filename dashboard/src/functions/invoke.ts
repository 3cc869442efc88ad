import { ApiError, UNREACHABLE } from '../api/client.ts';

export interface Call {
  name: string;
  /** A CloudEvent in JSON. */
  event: string;
  /** Through the queue of the function. */
  later: boolean;
}

/** The response of a call, also if the function failed. */
export interface Answer {
  status: number;
  headers: [string, string][];
  body: string;
  milliseconds: number;
}

/** Throws ApiError if the event is not JSON, and without a response. */
export async function invoke({ name, event, later }: Call): Promise<Answer> {
  try {
    JSON.parse(event);
  } catch (thrown) {
    throw new ApiError(`The event is not valid JSON: ${(thrown as Error).message}.`, 'EVENT_INVALID', 0);
  }
  const startedAt = performance.now();
  const response = await fetch(`/${later ? 'async-function' : 'function'}/${encodeURIComponent(name)}`, {
    method: 'POST',
    headers: { 'content-type': 'application/cloudevents+json' },
    body: event,
  }).catch(() => {
    throw new ApiError('The gateway does not respond. Check that Sluice is running.', UNREACHABLE, 0);
  });
  const body = await response.text();
  return {
    status: response.status,
    headers: [...response.headers],
    body: prettyJson(body),
    milliseconds: performance.now() - startedAt,
  };
}

function prettyJson(text: string): string {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}
