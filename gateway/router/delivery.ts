import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { deterministicUuid, type SluiceEvent } from '#shared/events/event.ts';
import { MAX_EVENT_BYTES } from '#shared/events/http.ts';

/** One event on its way to one function: the data of a job in that function's queue. */
export interface Delivery {
  event: SluiceEvent;
  /** 1 for the first try. */
  attempt: number;
  /** How often the step was found busy; such a delivery is no try. */
  deferrals: number;
  /** When it was published, in milliseconds since 1970: where the measured latency of a hop begins. */
  published_at: number;
  /** The asynchronous call that asked for it. */
  call?: AsyncCall | undefined;
}

export interface AsyncCall {
  id: string;
  callback_url?: string | undefined;
}

/** What a queue row must hold; the event was checked when it was published. */
export const DeliverySchema = z.object({
  event: z.looseObject({ id: z.string(), source: z.string(), type: z.string() }),
  attempt: z.number().int().min(1),
  deferrals: z.number().int().min(0),
  published_at: z.number(),
  call: z.object({ id: z.string(), callback_url: z.string().optional() }).optional(),
});

export function firstDelivery(event: SluiceEvent, now: number, call?: AsyncCall): Delivery {
  return { event, attempt: 1, deferrals: 0, published_at: now, ...(call ? { call } : {}) };
}

/** Id of the job that brings an event to a function. CloudEvents: source and id together name an event, so a repeat has the same job and adds nothing. */
export function jobIdOf(event: SluiceEvent, functionName: string): string {
  return deterministicUuid('delivery', event.source, event.id, functionName);
}

/** Escapes of a NUL or of half a surrogate pair, which PostgreSQL's jsonb refuses. An even number of backslashes before is text, not an escape. */
const NOT_STORABLE = /(?<!\\)(?:\\\\)*\\u(?:0000|d[89a-f][0-9a-f]{2})/i;

/** Throws EVENT_INVALID for an event that the queue can't hold: too large, or with text that is not Unicode. */
export function assertStorable(event: SluiceEvent): void {
  const text = JSON.stringify(event);
  const bytes = Buffer.byteLength(text);
  const details = { type: event.type, id: event.id };
  if (bytes > MAX_EVENT_BYTES)
    throw new SluiceError(
      'EVENT_INVALID',
      `The event ${event.type} has ${bytes} bytes; at most ${MAX_EVENT_BYTES} are accepted.`,
      { details },
    );
  if (NOT_STORABLE.test(text))
    throw new SluiceError(
      'EVENT_INVALID',
      `The event ${event.type} holds a NUL character or half a surrogate pair, which is not Unicode text.`,
      { details },
    );
}
