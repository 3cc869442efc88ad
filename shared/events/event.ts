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
  /** The claim of the step that returned the event, as STEP/TOKEN. */
  sluiceclaim?: string;
  /** Total size of the input of the run in bytes, as a decimal number. The router delivers small inputs separately. */
  inputbytes?: string;
  /** On a dead letter, as defined by Knative: the failed function, the HTTP status, and the response body in base64. */
  knativeerrordest?: string;
  knativeerrorcode?: string;
  knativeerrordata?: string;
  data: D;
}

/** `source` of every event that a function publishes. */
const SOURCE = '/sluice';

/** A hexadecimal id that depends on `cause` only, so that repeats can be recognized. */
export function deterministicId(...cause: (string | number)[]): string {
  return createHash('sha256').update(JSON.stringify(cause)).digest('hex').slice(0, 32);
}

/** As deterministicId, with 24 digits: the text form of a MongoDB ObjectId. */
export function deterministicObjectId(...cause: (string | number)[]): string {
  return deterministicId(...cause).slice(0, 24);
}

/** As deterministicId, as a UUID of version 8 (RFC 9562, application-defined bits). */
export function deterministicUuid(...cause: (string | number)[]): string {
  const hex = deterministicId(...cause);
  const variant = ((Number.parseInt(hex[16] ?? '0', 16) & 0x3) | 0x8).toString(16);
  const groups = [hex.slice(0, 8), hex.slice(8, 12), `8${hex.slice(13, 16)}`, `${variant}${hex.slice(17, 20)}`];
  return [...groups, hex.slice(20, 32)].join('-');
}

/** A new event at the current time. Its id depends on type, subject and `cause` only. */
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

const RunRef = z.object({ run_id: z.uuid() });

/**
 * The run that an event of one of the given types is about. The other data are not checked. Throws EVENT_INVALID.
 */
export function parseRunId(event: SluiceEvent, ...types: EventType[]): string {
  checkType(event, types);
  const result = RunRef.safeParse(event.data);
  if (result.success) return result.data.run_id;
  throw invalidData(event, result.error);
}

/** The data of an event of one of the given types. Throws EVENT_INVALID that names the invalid fields. */
export function parseEventData<T extends EventType>(event: SluiceEvent, ...types: T[]): EventData<T> {
  const result = EVENT_SCHEMAS[checkType(event, types)].safeParse(event.data);
  if (result.success) return result.data as EventData<T>;
  throw invalidData(event, result.error);
}

function checkType<T extends EventType>(event: SluiceEvent, types: T[]): T {
  const type = types.find((candidate) => candidate === event.type);
  if (type !== undefined) return type;
  throw new SluiceError('EVENT_INVALID', `This function accepts ${types.join(', ')}, not ${event.type}.`, {
    details: { type: event.type },
  });
}

function invalidData({ type }: SluiceEvent, error: z.ZodError): SluiceError {
  return new SluiceError('EVENT_INVALID', `The data of ${type} is invalid: ${z.prettifyError(error)}`, {
    details: { type },
  });
}
