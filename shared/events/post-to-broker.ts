import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { setTimeout as sleep } from 'node:timers/promises';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import { reasonOf } from '#shared/text/error-reason.ts';
import type { SluiceEvent } from './event.ts';
import { exchange } from './exchange.ts';
import { type HttpReply, writeEvent } from './http.ts';

/** Delays before the event is posted again. A broker responds with 500 for some seconds after it is ready. */
const RETRY_DELAYS_MS = [200, 400, 800, 1_600, 3_200, 6_400];
/** No attempt begins later. MinIO repeats a notification that is not acknowledged, so a longer wait is not needed. */
const LAST_ATTEMPT_MS = 13_000;
/** A connection in a cluster takes milliseconds. */
const CONNECT_TIMEOUT_MS = 5_000;
/**
 * An in-memory channel of Knative responds when the functions have responded, unless it has the annotation
 * `async-handler`. A shorter limit would cancel their requests.
 */
const RESPONSE_TIMEOUT_MS = 600_000;

export interface BrokerPostOptions {
  /** Ends the post and its retries. */
  signal: AbortSignal;
  log: Logger;
  retryDelaysMs?: readonly number[];
  lastAttemptMs?: number;
  responseTimeoutMs?: number;
}

/**
 * Posts an event to a Knative broker in binary mode. Resolves when the broker has accepted it. A post that failed is
 * repeated, whatever the status: Knative responds with 404 until the broker is known. A broker that received the event
 * and does not respond in time delivers it, so then the event is not posted again. Throws BROKER_UNAVAILABLE.
 */
export async function postToBroker(url: URL, event: SluiceEvent, options: BrokerPostOptions): Promise<void> {
  const { signal, log, retryDelaysMs = RETRY_DELAYS_MS, lastAttemptMs = LAST_ATTEMPT_MS } = options;
  const message = writeEvent(event);
  const end = Date.now() + lastAttemptMs;
  for (const delay of retryDelaysMs) {
    try {
      return await post(url, message, options);
    } catch (thrown) {
      if (signal.aborted || Date.now() + delay > end) throw thrown;
      log.warn({ error: asSluiceError(thrown).toDocument() }, 'Broker:Post:Retried');
      await sleep(delay, undefined, { signal }).catch(() => undefined);
    }
  }
  return post(url, message, options);
}

async function post(
  url: URL,
  { headers, body }: HttpReply,
  { signal, log, responseTimeoutMs = RESPONSE_TIMEOUT_MS }: BrokerPostOptions,
): Promise<void> {
  using limit = new JoinedSignal([signal], responseTimeoutMs);
  const request = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, {
    method: 'POST',
    headers: { ...headers, 'content-length': String(Buffer.byteLength(body)) },
    signal: limit.signal,
    agent: false, // A kept-alive connection may be closed by the broker at the same time.
  });
  const connecting = setTimeout(
    () => request.destroy(new DOMException(`no connection after ${CONNECT_TIMEOUT_MS / 1000} s`, 'TimeoutError')),
    CONNECT_TIMEOUT_MS,
  );
  request.once('finish', () => clearTimeout(connecting)).once('close', () => clearTimeout(connecting));
  let status: number;
  try {
    status = (await exchange(request, body)).status;
  } catch (cause) {
    if (!limit.timedOut || !request.writableFinished) throw brokerUnavailable(url, 'did not accept the event', cause);
    log.warn({ url: url.href, event: headers['ce-id'] }, 'Broker:Post:TimedOut');
    return;
  }
  if (status < 200 || status > 299) throw brokerUnavailable(url, 'did not accept the event', status);
}

/** The error of a broker that responded with a status, or could not be reached. */
export function brokerUnavailable(url: URL, problem: string, reason: unknown): SluiceError {
  const isStatus = typeof reason === 'number';
  const text = isStatus ? `status ${reason}` : `no response (${connectionProblem(reason)})`;
  return new SluiceError('BROKER_UNAVAILABLE', `The broker at ${url.href} ${problem}: ${text}.`, {
    cause: isStatus ? undefined : reason,
    details: { url: url.href, ...(isStatus ? { status: reason } : {}) },
  });
}

/** fetch hides the error of the connection in the causes of its own. */
function connectionProblem(thrown: unknown): string {
  const { cause, code } = thrown as { cause?: unknown; code?: unknown };
  if (cause instanceof Error) return connectionProblem(cause);
  return typeof code === 'string' ? code : reasonOf(thrown);
}
