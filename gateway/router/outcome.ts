import type { Env } from '#shared/config/env.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { WorkerDeath } from '#shared/runtime/function-caller.ts';
import type { SluiceEvent } from '#shared/events/event.ts';

/** The result of a function call. */
export type CallResult = { reply: SluiceEvent | undefined } | { error: SluiceError };

/** What the router does with a delivery after the call. */
export type Outcome =
  | { kind: 'done'; reply: SluiceEvent | undefined }
  | { kind: 'retry'; afterSeconds: number; error: SluiceError }
  /** The step is claimed by another process: deliver again later, as the same attempt. */
  | { kind: 'defer'; afterSeconds: number }
  /** The process of the function ended: call the function again in a process of its own, as the same attempt. */
  | { kind: 'repeat-alone'; afterSeconds: number; error: WorkerDeath }
  /** The delivery becomes a dead letter. */
  | { kind: 'dead'; error: SluiceError }
  /** The router is stopping: the delivery returns to the queue unchanged. */
  | { kind: 'give-back' };

export type RetryPolicy = Pick<Env, 'RETRY_LIMIT' | 'RETRY_DELAY_SECONDS' | 'RETRY_DELAY_MAX_SECONDS'>;

/** How often a delivery has been fetched, by reason. */
export interface DeliveryHistory {
  /** Number of the current attempt, from 1. */
  attempt: number;
  /** Deliveries that found the step busy. */
  deferrals: number;
  /** Deliveries that ended because the process of the router ended. */
  crashes: number;
  /** Deliveries that ended because the process of the function ended. */
  workerDeaths: number;
}

/** The longest delay after which a busy step is called again. */
const MAX_DEFER_SECONDS = 10;
const MIN_DEFER_SECONDS = 1;
/** Each deferral of a delivery lasts this much longer than the one before. */
const DEFER_GROWTH = 1.5;
/** An event that crashes the process (out of memory, for example) becomes a dead letter after this many crashes. */
export const MAX_CRASHES = 20;
/**
 * An event becomes a dead letter when the process of its function has ended this often during its calls. All calls
 * after the first end are made alone, so an event that only shared a process with another one is executed by then.
 */
export const MAX_WORKER_DEATHS = 3;
/** Delay before an event is called alone. It doubles with each end of the process. */
const REPEAT_ALONE_SECONDS = 0.5;
/**
 * A delay is shortened by a random share up to this one, so that deliveries that failed together are not retried
 * together.
 */
const JITTER = 0.25;

/** Decides what the router does with a delivery. `random` is a number from 0 to 1. */
export function decideOutcome(
  result: CallResult,
  history: DeliveryHistory,
  policy: RetryPolicy,
  stopping: boolean,
  random: number,
): Outcome {
  if ('reply' in result) return { kind: 'done', reply: result.reply };
  const { error } = result;
  if (stopping) return { kind: 'give-back' };
  if (error instanceof WorkerDeath) return afterWorkerDeath(error, history.workerDeaths + 1);
  if (error.code === 'STEP_BUSY') return { kind: 'defer', afterSeconds: deferDelay(error, history.deferrals) };
  if (!error.retryable || history.attempt > policy.RETRY_LIMIT) return { kind: 'dead', error };
  return { kind: 'retry', afterSeconds: retryDelay(error, history.attempt, policy, random), error };
}

function afterWorkerDeath(error: WorkerDeath, deaths: number): Outcome {
  if (deaths < MAX_WORKER_DEATHS)
    return { kind: 'repeat-alone', afterSeconds: REPEAT_ALONE_SECONDS * 2 ** (deaths - 1), error };
  const code = error.reason === 'memory' ? 'MEMORY_LIMIT' : 'WORKER_DIED';
  const message = `The process of ${error.functionName} ended ${deaths} times during this step: ${error.description}.`;
  return {
    kind: 'dead',
    error: new SluiceError(code, message, { details: { function: error.functionName, reason: error.reason, deaths } }),
  };
}

/**
 * RETRY_DELAY_SECONDS doubled with each attempt, at most RETRY_DELAY_MAX_SECONDS, and not shorter than the error
 * requests. After DISK_FULL always RETRY_DELAY_MAX_SECONDS, because an operator must free disk space.
 */
function retryDelay(error: SluiceError, attempt: number, policy: RetryPolicy, random: number): number {
  const doubled = error.code === 'DISK_FULL' ? Infinity : policy.RETRY_DELAY_SECONDS * 2 ** (attempt - 1);
  const delay = Math.min(policy.RETRY_DELAY_MAX_SECONDS, doubled);
  return Math.max(error.retryAfterSeconds ?? 0, delay * (1 - JITTER * random));
}

function deferDelay(error: SluiceError, deferrals: number): number {
  const grown = (error.retryAfterSeconds ?? MIN_DEFER_SECONDS) * DEFER_GROWTH ** deferrals;
  return Math.min(MAX_DEFER_SECONDS, Math.max(MIN_DEFER_SECONDS, grown));
}
