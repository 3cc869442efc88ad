import type { Env } from '#shared/config/env.ts';
import type { StackFunction } from '#shared/config/stack.ts';
import { unstorableFieldOf } from '#shared/text/storable.ts';
import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicUuid, type SluiceEvent } from '#shared/events/event.ts';
import { MAX_EVENT_BYTES } from '#shared/events/http.ts';
import type { GivenBack } from './queues.ts';

/** One event on its way to one function: the data of a job in the queue of the function. */
export interface Delivery extends GivenBack {
  event: SluiceEvent;
  /** Number of the attempt, from 1. */
  attempt: number;
  /** How often the step was busy. Such a delivery does not count as an attempt. */
  deferrals: number;
  /** How often the process of the function ended during a call. Absent before the first time. */
  worker_deaths?: number | undefined;
  /** Time of publication in milliseconds since 1970: the start of the measured latency of a hop. */
  published_at: number;
  /** The asynchronous call that requested the delivery. */
  call?: AsyncCall | undefined;
}

export interface AsyncCall {
  id: string;
  callback_url?: string | undefined;
}

/** Checks the data of a job. The event itself was validated when it was published. */
export const DeliverySchema = z.object({
  event: z.looseObject({ id: z.string(), source: z.string(), type: z.string() }),
  attempt: z.number().int().min(1),
  deferrals: z.number().int().min(0),
  worker_deaths: z.number().int().min(0).optional(),
  give_backs: z.number().int().min(0).optional(),
  published_at: z.number(),
  call: z.object({ id: z.string(), callback_url: z.string().optional() }).optional(),
});

export function firstDelivery(event: SluiceEvent, now: number, call?: AsyncCall): Delivery {
  return { event, attempt: 1, deferrals: 0, published_at: now, ...(call ? { call } : {}) };
}

/** Priority of jobs with a small input, in a queue that has slots for them. All other jobs have priority 0. */
export const SMALL_PRIORITY = 1;

/** The priority of an event in the queue of a function. An input of unknown size counts as large. */
export function priorityOf(
  { inputbytes }: Pick<SluiceEvent, 'inputbytes'>,
  { smallConcurrency }: Pick<StackFunction, 'smallConcurrency'>,
  { SMALL_INPUT_BYTES }: Pick<Env, 'SMALL_INPUT_BYTES'>,
): number {
  if (smallConcurrency === 0 || inputbytes === undefined) return 0;
  return Number(inputbytes) <= SMALL_INPUT_BYTES ? SMALL_PRIORITY : 0;
}

/**
 * Id of the job that delivers an event to a function. In CloudEvents, source and id together identify an event, so a
 * repeated event has the same job id and adds no job.
 */
export function jobIdOf(event: SluiceEvent, functionName: string): string {
  return deterministicUuid('delivery', event.source, event.id, functionName);
}

/** Throws EVENT_INVALID for an event that the queue cannot store: too large, or with text that is not valid Unicode. */
export function assertStorable(event: SluiceEvent): void {
  const text = JSON.stringify(event);
  const bytes = Buffer.byteLength(text);
  const details = { type: event.type, id: event.id };
  if (bytes > MAX_EVENT_BYTES)
    throw new SluiceError(
      'EVENT_INVALID',
      `The event ${event.type} has ${bytes} bytes; the limit is ${MAX_EVENT_BYTES} bytes.`,
      { details },
    );
  const field = unstorableFieldOf(event, text);
  if (field !== undefined)
    throw new SluiceError(
      'EVENT_INVALID',
      `The event ${event.type} contains a NUL character or a lone surrogate in ${field}, which cannot be stored.`,
      { details: { ...details, field } },
    );
}
