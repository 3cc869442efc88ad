import { asSluiceError, SluiceError } from '#shared/errors/sluice-error.ts';
import type { Logger } from '#shared/log/log.ts';
import { CallLimits } from '#shared/signals/joined-signal.ts';
import type { StartedSpan } from '#shared/tracing/tracing.ts';
import { assertStorable, type Delivery, DeliverySchema } from './delivery-data.ts';
import { type CallResult, decideOutcome, type DeliveryHistory, MAX_CRASHES, type Outcome } from './outcome.ts';
import type { Job } from './queues.ts';
import type { RouterParts } from './router-parts.ts';
import { storeOutcome } from './store-outcome.ts';

/** A handler cancels itself after STEP_TIMEOUT_SECONDS. The router cancels the call this much later. */
const CALL_MARGIN_SECONDS = 60;
/** The router stops waiting for a canceled handler after this time. Its claim is stale by then, so it cannot write. */
const ABANDON_MS = 10_000;

/** Calls the function with the event of a job, and stores the outcome. Never throws. */
export async function deliver(parts: RouterParts, job: Job<Delivery>): Promise<void> {
  const startedAt = Date.now();
  const { attempt, deferrals, worker_deaths: workerDeaths = 0, give_backs: giveBacks = 0, published_at } = job.data;
  // Every fetch after the first increments the retry count of pg-boss: after a retry, a deferral, the end of the
  // process of the function, a stop of the router, or a crash of the router.
  const crashes = job.retryCount - (attempt - 1) - deferrals - workerDeaths - giveBacks;
  const history = { attempt, deferrals, workerDeaths, crashes };
  parts.metrics.observeHop(job.name, (startedAt - Math.max(published_at, job.startAfter.getTime())) / 1000);
  const span = startSpan(parts, job, history);
  const result = await callFunction(parts, job, history, span?.traceparent);
  const seconds = (Date.now() - startedAt) / 1000;
  const outcome = decideOutcome(result, history, parts.env, parts.stopping.aborted, Math.random());
  endSpan(span, outcome);
  parts.metrics.observeCall(job.name, outcome, seconds);
  logOutcome(parts.log, job, outcome, seconds);
  await storeOutcome(parts, job, outcome, seconds);
}

/** Each delivery of an event that belongs to a trace has a span, so that a call whose process died has one, too. */
function startSpan(
  { tracing }: RouterParts,
  { id, name, data: { event } }: Job<Delivery>,
  { attempt }: DeliveryHistory,
): StartedSpan | undefined {
  if (event.traceparent === undefined) return undefined;
  const attributes = {
    'faas.invoked_name': name,
    'messaging.message.id': id,
    'cloudevents.event_id': event.id,
    'cloudevents.event_type': event.type,
    'sluice.attempt': attempt,
  };
  return tracing?.start(`deliver ${name}`, { kind: 'client', parent: event.traceparent, attributes });
}

/** A busy step is no error. */
function endSpan(span: StartedSpan | undefined, outcome: Outcome): void {
  span?.set({ 'sluice.outcome': outcome.kind });
  if ('error' in outcome) span?.fail(outcome.error);
  span?.end();
}

async function callFunction(
  parts: RouterParts,
  job: Job<Delivery>,
  { crashes, workerDeaths }: DeliveryHistory,
  traceparent: string | undefined,
): Promise<CallResult> {
  if (crashes > MAX_CRASHES) return { error: crashError(job.name, crashes) };
  if (!DeliverySchema.safeParse(job.data).success)
    return { error: new SluiceError('EVENT_INVALID', `Job ${job.id} of ${job.name} does not contain an event.`) };
  const limits = new CallLimits([parts.stopping], parts.env.STEP_TIMEOUT_SECONDS + CALL_MARGIN_SECONDS);
  try {
    const { event, call } = job.data;
    const invocation = parts.caller.invoke(job.name, event, {
      signal: limits.signal,
      alone: workerDeaths > 0,
      traceparent,
      ...(call ? { callId: call.id } : {}),
    });
    const reply = await limits.orAbandon(
      invocation,
      ABANDON_MS,
      () =>
        new SluiceError(
          'STEP_TIMEOUT',
          `The call of ${job.name} was aborted, but did not end within ${ABANDON_MS / 1000} s.`,
        ),
    );
    if (reply) assertStorable(reply);
    return { reply };
  } catch (thrown) {
    return { error: asSluiceError(thrown) };
  } finally {
    limits.release();
  }
}

function crashError(functionName: string, crashes: number): SluiceError {
  return new SluiceError(
    'WORKER_DIED',
    `The router crashed ${crashes} times during calls of ${functionName} with this event. ` +
      'The event was moved to the dead letters.',
    { details: { interruptions: crashes } },
  );
}

function logOutcome(log: Logger, job: Job<Delivery>, outcome: Outcome, seconds: number): void {
  const { event, attempt } = job.data;
  const fields = {
    function: job.name,
    event: event.id,
    type: event.type,
    subject: event.subject,
    attempt,
    seconds,
  };
  switch (outcome.kind) {
    case 'done':
      return log.debug(fields, 'Delivery:Call:Done');
    case 'retry':
    case 'repeat-alone':
      return log.warn(
        { ...fields, afterSeconds: outcome.afterSeconds, error: outcome.error.toDocument() },
        'Delivery:Call:Retried',
      );
    case 'dead':
      return log.error({ ...fields, error: outcome.error.toDocument() }, 'Delivery:Call:Failed');
    case 'defer':
      return log.debug({ ...fields, afterSeconds: outcome.afterSeconds }, 'Delivery:Call:Deferred');
    case 'give-back':
      return log.debug(fields, 'Delivery:Call:GivenBack');
  }
}
