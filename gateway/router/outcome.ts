import type { SluiceError } from '#shared/errors/sluice-error.ts';
import type { SluiceEvent } from '#shared/events/event.ts';
import type { Env } from '#shared/config/env.ts';

/** How a call of a function ended. */
export type CallResult = { reply: SluiceEvent | undefined } | { error: SluiceError };

/** What becomes of a delivery after the call. */
export type Settlement =
  | { kind: 'done'; reply: SluiceEvent | undefined }
  | { kind: 'retry'; afterSeconds: number; error: SluiceError }
  /** The step was busy: again later, as the same try. */
  | { kind: 'defer'; afterSeconds: number }
  | { kind: 'dead'; error: SluiceError }
  /** The router stops: it stays in the queue as it was. */
  | { kind: 'give-back' };

export type RetryPolicy = Pick<Env, 'RETRY_LIMIT' | 'RETRY_DELAY_SECONDS' | 'RETRY_DELAY_MAX_SECONDS'>;

export interface Tries {
  /** 1 for the first. */
  attempt: number;
  deferrals: number;
  /** How often the process that worked on it ended in the middle. */
  interruptions: number;
}

/** A busy step is asked again after the time that it names, at most this late however long it stays busy. */
const DEFER_MAX_SECONDS = 10;
const DEFER_MIN_SECONDS = 1;
/** An event whose handling ended the process this often (out of memory, say) must not do so for ever. */
export const INTERRUPTION_LIMIT = 20;
/** A delay is shortened by up to this share, so that what failed together does not come back together. */
const JITTER = 0.25;

/** Decides, from the result of a call, what becomes of the delivery. `random` is 0 to 1. */
export function settlementOf(
  result: CallResult,
  tries: Tries,
  policy: RetryPolicy,
  stopping: boolean,
  random: number,
): Settlement {
  if ('reply' in result) return { kind: 'done', reply: result.reply };
  const { error } = result;
  if (stopping) return { kind: 'give-back' };
  if (error.code === 'STEP_BUSY') return { kind: 'defer', afterSeconds: deferral(error, tries.deferrals) };
  if (!error.retryable || tries.attempt > policy.RETRY_LIMIT) return { kind: 'dead', error };
  return { kind: 'retry', afterSeconds: retryDelay(error, tries.attempt, policy, random), error };
}

/** RETRY_DELAY_SECONDS doubled with each try, at most RETRY_DELAY_MAX_SECONDS; never earlier than the error asks. */
function retryDelay(error: SluiceError, attempt: number, policy: RetryPolicy, random: number): number {
  const doubled = Math.min(policy.RETRY_DELAY_MAX_SECONDS, policy.RETRY_DELAY_SECONDS * 2 ** (attempt - 1));
  return Math.max(error.retryAfterSeconds ?? 0, doubled * (1 - JITTER * random));
}

function deferral(error: SluiceError, deferrals: number): number {
  const grown = (error.retryAfterSeconds ?? DEFER_MIN_SECONDS) * 1.5 ** deferrals;
  return Math.min(DEFER_MAX_SECONDS, Math.max(DEFER_MIN_SECONDS, grown));
}
