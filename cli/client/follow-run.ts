import { setTimeout } from 'node:timers/promises';
import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { RunView } from '#shared/api/views.ts';
import type { GatewayClient } from './gateway-client.ts';
import { serverEvents } from './server-events.ts';

/** How long the gateway may be away (a restart takes seconds) before following is given up. The run does not depend on it. */
const GIVE_UP_MS = 60_000;
const RECONNECT_MS = 500;

/**
 * The states of a run, each as it comes, until it has ended. A connection that breaks is opened again: each event carries the whole
 * state. Throws SLUICE_UNREACHABLE when the gateway stays away.
 */
export async function* followRun(client: GatewayClient, path: string, signal: AbortSignal): AsyncGenerator<RunView> {
  let awaySince: number | undefined;
  for (;;) {
    try {
      const response = await client.open(path, signal);
      awaySince = undefined;
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
      const error = isBrokenStream(thrown)
        ? new SluiceError('SLUICE_UNREACHABLE', 'The connection to Sluice broke.', { cause: thrown })
        : asSluiceError(thrown);
      awaySince ??= Date.now();
      if (!error.retryable || Date.now() - awaySince > GIVE_UP_MS) throw error;
    }
    await setTimeout(RECONNECT_MS, undefined, { signal });
  }
}

/** fetch reports a connection that breaks under the body as a TypeError ("terminated"). */
function isBrokenStream(thrown: unknown): boolean {
  return thrown instanceof TypeError;
}
