import { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import { INSPECTION_SECONDS } from '#shared/runtime/inspection.ts';
import { JoinedSignal } from '#shared/signals/joined-signal.ts';
import type { GatewayDeps } from '../deps.ts';

/** The function ends an inspection after INSPECTION_SECONDS. The gateway cancels the call this much later. */
const CALL_MARGIN_SECONDS = 10;

/**
 * Calls a function with an event of shared/events/inspection.ts, and returns its answer. Aborting `signal` ends the
 * work. Throws FUNCTION_UNAVAILABLE, EVENT_INVALID, and the errors of the function.
 */
export async function callInspection(
  name: string,
  event: SluiceEvent,
  signal: AbortSignal,
  { caller, deployments }: Pick<GatewayDeps, 'caller' | 'deployments'>,
): Promise<SluiceEvent> {
  if (deployments?.replicas(name) === 0)
    throw new SluiceError('FUNCTION_UNAVAILABLE', `The function ${name}, which reads the data, has no replicas.`, {
      details: { function: name },
    });
  using limits = new JoinedSignal([signal], (INSPECTION_SECONDS + CALL_MARGIN_SECONDS) * 1000);
  const reply = await caller.invoke(name, event, { signal: limits.signal });
  if (reply === undefined) throw new SluiceError('EVENT_INVALID', `The function ${name} returned no event.`);
  return reply;
}
