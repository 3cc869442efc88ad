import { createHash } from 'node:crypto';
import { z } from 'zod';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { EVENT_SCHEMAS, type EventData, type EventType } from './types.ts';

/** A CloudEvents 1.0 event in memory: the JSON format of the specification. */
export interface SluiceEvent<D = unknown> {
  specversion: '1.0';
  id: string;
  source: string;
  type: string;
  subject?: string;
  time: string;
  datacontenttype: 'application/json';
  traceparent?: string;
  /** On a dead letter, as Knative names them: the function that failed, the HTTP status, and its reply body in base64. */
  knativeerrordest?: string;
  knativeerrorcode?: string;
  knativeerrordata?: string;
  data: D;
}

/** `source` of every event that a function emits. */
const SOURCE = '/sluice';

/** Hex id that is the same for the same cause, so that a repeat is recognizable. */
export function deterministicId(...cause: (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(cause)).digest('hex').slice(0, 32);
}

/** 24 hex digits, the text form of a MongoDB ObjectId, the same for the same cause. */
export function deterministicObjectId(...cause: (string | number)[]): string {
  return deterministicId(...cause).slice(0, 24);
}

/** UUID (version 8, RFC 9562: the bits are ours) that is the same for the same cause. */
export function deterministicUuid(...cause: (string | number)[]): string {
  const hex = deterministicId(...cause);
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-${variant}${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}

/**
 * A new event. Its id depends on type, subject and `cause` only; `time` is when it was first made,
 * and stays as recorded when the reply is repeated from the ledger.
 */
export function makeEvent<T extends EventType>(
  type: T,
  subject: string,
  data: EventData<T>,
  { cause = '' }: { cause?: string } = {},
): SluiceEvent<EventData<T>> {
  return {
    specversion: '1.0',
    id: deterministicId(type, subject, cause),
    source: SOURCE,
    type,
    subject,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    data: EVENT_SCHEMAS[type].parse(data) as EventData<T>,
  };
}

/** The event's data when it is of one of the types given. Throws EVENT_INVALID with the fields that are wrong. */
export function parseEventData<T extends EventType>(event: SluiceEvent, ...types: T[]): EventData<T> {
  const type = types.find((candidate) => candidate === event.type);
  if (type === undefined) {
    throw new SluiceError('EVENT_INVALID', `This function accepts ${types.join(', ')}, not ${event.type}.`, {
      details: { type: event.type },
    });
  }
  const result = EVENT_SCHEMAS[type].safeParse(event.data);
  if (result.success) return result.data as EventData<T>;
  throw new SluiceError('EVENT_INVALID', `The data of ${event.type} is wrong: ${z.prettifyError(result.error)}`, {
    details: { type: event.type },
  });
}
