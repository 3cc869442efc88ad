import { type Env, publicUrl } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import { trimEndOf } from '#shared/text/truncate.ts';
import type { SluiceEvent } from './event.ts';
import { writeEvent, readError } from './http.ts';

/** A gateway or broker stores an event within milliseconds. monitor-runs repeats a failed post. */
const TIMEOUT_MS = 10_000;

/** Where events are posted to. */
export interface EventSink {
  url: URL;
  /** The bearer token that the gateway requires from other machines. */
  token?: string | undefined;
}

/**
 * Where a function in a separate process posts events: a Knative broker (K_SINK, set by a SinkBinding) or the gateway.
 * Only the gateway gets WEBHOOK_TOKEN.
 */
export function eventSink(env: Env): EventSink {
  if (env.K_SINK !== undefined) return { url: new URL(env.K_SINK) };
  return {
    url: new URL(`${trimEndOf(env.SLUICE_URL ?? publicUrl(env), '/')}/events`),
    token: env.WEBHOOK_TOKEN,
  };
}

/**
 * Posts an event in binary mode. Resolves when the sink has stored it. Throws SLUICE_UNREACHABLE and the error of the
 * sink.
 */
export async function postEvent({ url, token }: EventSink, event: SluiceEvent, signal: AbortSignal): Promise<void> {
  const { headers, body } = writeEvent(event);
  using stop = new JoinedSignal([signal], TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(url, {
      method: 'POST',
      headers: token === undefined ? headers : { ...headers, authorization: `Bearer ${token}` },
      body,
      signal: stop.signal,
    });
  } catch (cause) {
    throw new SluiceError('SLUICE_UNREACHABLE', `Could not connect to ${url.href} to publish the event.`, {
      cause,
      details: { url: url.href },
    });
  }
  const text = await response.text();
  if (!response.ok) throw readError('events', response.status, response.headers.get('retry-after') ?? undefined, text);
}
