import { SluiceError } from '#shared/errors/sluice-error.ts';
import { writeEvent, type HttpReply } from '#shared/events/http.ts';
import { writeError } from '#shared/events/http-errors.ts';
import { CallLimits } from '#shared/runtime/call-limits.ts';
import type { AsyncCall } from './delivery.ts';
import type { CallResult } from './outcome.ts';

/** What an asynchronous call ends with: the reply of the function, posted to the caller's URL. */
export interface Callback {
  url: string;
  headers: Record<string, string>;
  body: string;
  attempt: number;
}

/** Queue of the callbacks; no function can have this name. */
export const CALLBACK_QUEUE = 'sluice.callbacks';
export const CALLBACK_CONCURRENCY = 4;
const CALLBACK_TIMEOUT_SECONDS = 30;

/** The callback of a call, as OpenFaaS sends it: the function's reply and headers, and what is known of the call. Undefined when none was asked for. */
export function callbackOf(
  call: AsyncCall | undefined,
  functionName: string,
  seconds: number,
  result: CallResult,
): Callback | undefined {
  if (call?.callback_url === undefined) return undefined;
  const { status, headers, body } = replyOf(result);
  return {
    url: call.callback_url,
    headers: {
      ...headers,
      'X-Call-Id': call.id,
      'X-Duration-Seconds': seconds.toFixed(6),
      'X-Function-Status': String(status),
      'X-Function-Name': functionName,
    },
    body,
    attempt: 1,
  };
}

function replyOf(result: CallResult): HttpReply {
  if ('error' in result) return writeError(result.error);
  return result.reply ? writeEvent(result.reply) : { status: 200, headers: {}, body: '' };
}

/** Posts a callback. Throws FUNCTION_UNAVAILABLE unless it is answered 2xx. */
export async function postCallback({ url, headers, body }: Callback, signal: AbortSignal): Promise<void> {
  const limits = new CallLimits([signal], CALLBACK_TIMEOUT_SECONDS);
  try {
    const response = await fetch(url, { method: 'POST', headers, body, signal: limits.signal });
    await response.body?.cancel();
    if (!response.ok) throw new SluiceError('FUNCTION_UNAVAILABLE', `The callback ${url} answered ${response.status}.`);
  } catch (cause) {
    throw cause instanceof SluiceError
      ? cause
      : new SluiceError('FUNCTION_UNAVAILABLE', `The callback ${url} does not answer.`, { cause });
  } finally {
    limits.release();
  }
}
