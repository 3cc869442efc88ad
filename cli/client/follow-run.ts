import { setTimeout } from 'node:timers/promises';
import { EventSourceParserStream } from 'eventsource-parser/stream';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { RunView } from '#shared/api/views.ts';
import type { GatewayClient } from './gateway-client.ts';

/** A restart of the gateway takes seconds. The run continues even when following ends. */
const GIVE_UP_MS = 60_000;
const RECONNECT_MS = 500;

/**
 * Yields each state of a run until the run has ended. Opens a lost connection again: each event contains the complete
 * state, so no state is missing. Throws SLUICE_UNREACHABLE when the gateway does not answer for a minute.
 */
export async function* followRun(client: GatewayClient, path: string, signal: AbortSignal): AsyncGenerator<RunView> {
  let unreachableSince: number | undefined;
  for (;;) {
    try {
      const response = await client.open(path, signal);
      unreachableSince = undefined;
      let status: RunView['status'] = 'running';
      for await (const { event, data } of serverEvents(response.body as ReadableStream<Uint8Array>)) {
        if (event !== 'run') continue;
        const view = JSON.parse(data) as RunView;
        status = view.status;
        yield view;
      }
      if (status !== 'running') return;
    } catch (thrown) {
      signal.throwIfAborted();
      const error = isLostConnection(thrown)
        ? new SluiceError('SLUICE_UNREACHABLE', 'The connection to Sluice was lost.', { cause: thrown })
        : asSluiceError(thrown);
      unreachableSince ??= Date.now();
      if (!error.retryable || Date.now() - unreachableSince > GIVE_UP_MS) throw error;
    }
    await setTimeout(RECONNECT_MS, undefined, { signal });
  }
}

/** The events of a `text/event-stream` body. */
export function serverEvents(body: ReadableStream<Uint8Array>): AsyncIterable<{ event?: string; data: string }> {
  return body
    .pipeThrough(new TextDecoderStream() as ReadableWritablePair<string, Uint8Array>)
    .pipeThrough(new EventSourceParserStream());
}

/** fetch throws a TypeError ("terminated") when the connection is lost while the body is read. */
function isLostConnection(thrown: unknown): boolean {
  return thrown instanceof TypeError;
}
