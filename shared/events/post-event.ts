import { type Env, publicUrl } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import { trimEndOf } from '#shared/text/trim-end.ts';
import type { SluiceEvent } from './event.ts';
import { writeEvent, readError } from './http.ts';

/** A gateway or broker stores an event within milliseconds. monitor-runs repeats a failed post. */
const TIMEOUT_MS = 10_000;

/**
 * Where a function in a separate process posts events: a Knative broker (K_SINK, set by a SinkBinding) or the gateway.
 */
export function eventSink(env: Env): URL {
  return new URL(env.K_SINK ?? `${trimEndOf(env.SLUICE_URL ?? publicUrl(env), '/')}/events`);
}

/**
 * Posts an event in binary mode. Resolves when the sink has stored it. Throws SLUICE_UNREACHABLE and the error of the
 * sink.
 */
export async function postEvent(sink: URL, event: SluiceEvent, signal: AbortSignal): Promise<void> {
  const { headers, body } = writeEvent(event);
  using stop = new JoinedSignal([signal], TIMEOUT_MS);
  let response: Response;
  try {
    response = await fetch(sink, { method: 'POST', headers, body, signal: stop.signal });
  } catch (cause) {
    throw new SluiceError('SLUICE_UNREACHABLE', `Could not connect to ${sink.href} to publish the event.`, {
      cause,
      details: { url: sink.href },
    });
  }
  const text = await response.text();
  if (!response.ok) throw readError('events', response.status, response.headers.get('retry-after') ?? undefined, text);
}
