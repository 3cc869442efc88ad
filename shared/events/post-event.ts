import { type Env, publicUrl } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import { trimEndOf } from '#shared/text/truncate.ts';
import type { SluiceEvent } from './event.ts';
import { writeEvent, readError } from './http.ts';
import { postToBroker } from './post-to-broker.ts';

/** The gateway stores an event within milliseconds. monitor-runs repeats a failed post. */
const GATEWAY_TIMEOUT_MS = 10_000;
/** The address of the gateway. */
export interface EventSink {
  url: URL;
  /** The bearer token that the gateway requires from other machines. */
  token?: string | undefined;
}

/**
 * Publishes an event of a function in a separate process: posts it to the Knative broker in K_SINK, or to the gateway.
 * Only the gateway gets WEBHOOK_TOKEN. Throws the errors of `postToBroker` and `postEvent`.
 */
export function publishEvent(
  env: Env,
  event: SluiceEvent,
  options: { signal: AbortSignal; log: Logger },
): Promise<void> {
  if (env.K_SINK !== undefined) return postToBroker(new URL(env.K_SINK), event, options);
  return postEvent(gatewaySink(env), event, options.signal);
}

function gatewaySink(env: Env): EventSink {
  return { url: new URL(`${trimEndOf(env.SLUICE_URL ?? publicUrl(env), '/')}/events`), token: env.WEBHOOK_TOKEN };
}

/**
 * Posts an event to the gateway in binary mode. Resolves when the gateway has accepted it. Throws SLUICE_UNREACHABLE
 * and the error of the gateway.
 */
export async function postEvent({ url, token }: EventSink, event: SluiceEvent, signal: AbortSignal): Promise<void> {
  const { headers, body } = writeEvent(event);
  using stop = new JoinedSignal([signal], GATEWAY_TIMEOUT_MS);
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
