import { createHash } from 'node:crypto';
import { z } from 'zod';
import {
  ColumnSchema,
  ErrorDocumentSchema,
  GeometryCountsSchema,
  JoinResultSchema,
  NoteSchema,
  RejectedRowsSchema,
  SourceFileSchema,
} from '#shared/contracts/shared-schemas.ts';
import { LANES } from '#shared/contracts/lanes.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';

/** The event types of the pipeline and the data of each. `subject` is the run_id. */

const RunRef = z.object({ run_id: z.uuid() });
/** Events of earlier releases have no lane and no dataset. */
const EndedRunRef = RunRef.extend({ lane: z.enum(LANES).optional(), dataset_id: z.string().optional() });

export const EVENT_SCHEMAS = {
  'sluice.manifest.rejected': z.object({
    manifest_id: z.string(),
    manifest_key: z.string(),
    error: ErrorDocumentSchema.nullable(),
  }),
  'sluice.run.requested.vector': RunRef,
  'sluice.run.requested.raster': RunRef,
  'sluice.run.requested.tabular': RunRef,
  'sluice.run.requested.join': RunRef,
  /** The schema of the run contains `raw_data`, with one geometry column in the CRS `srid`. */
  'sluice.table.loaded': RunRef.extend({
    files: z.array(SourceFileSchema),
    srid: z.number().int(),
    row_count: z.number().int(),
    columns: z.array(ColumnSchema),
    notes: z.array(NoteSchema),
    /** Rejected rows. Present only for CSV files. */
    rejected_rows: RejectedRowsSchema.optional(),
  }),
  /** The schema of the run contains `processed`. */
  'sluice.table.ready': RunRef.extend({
    recipe: z.string(),
    parameters: z.record(z.string(), z.unknown()),
    steps: z.array(
      z.object({ step: z.string(), output: z.string(), seconds: z.number(), row_count: z.number().int().nullable() }),
    ),
    crs: z.string(),
    quality: GeometryCountsSchema,
    /** Changes of the data by the recipe or the join that the user should know. */
    notes: z.array(NoteSchema).optional(),
    /** Only of a join: ids of the assets that the table was made from. */
    parents: z.array(z.string()).optional(),
    join: JoinResultSchema.optional(),
  }),
  'sluice.asset.exported': RunRef.extend({ asset_ids: z.array(z.string()), reused: z.boolean() }),
  'sluice.run.succeeded': EndedRunRef.extend({
    /** Rows and bytes of the assets that the run wrote. A reused asset and a raster have no rows here. */
    row_count: z.number().int().nonnegative().optional(),
    size_bytes: z.number().int().nonnegative().optional(),
  }),
  'sluice.run.failed': EndedRunRef.extend({ error: ErrorDocumentSchema }),
  'sluice.run.canceled': EndedRunRef.extend({ operator: z.string() }),
} as const;

export type EventType = keyof typeof EVENT_SCHEMAS;
export type EventData<T extends EventType> = z.infer<(typeof EVENT_SCHEMAS)[T]>;

/** Events that start a step of a running run. */
export const STEP_EVENTS = [
  'sluice.run.requested.vector',
  'sluice.run.requested.raster',
  'sluice.run.requested.tabular',
  'sluice.run.requested.join',
  'sluice.table.loaded',
  'sluice.table.ready',
  'sluice.asset.exported',
] as const satisfies readonly EventType[];

export function isStepEvent({ type }: { type: string }): boolean {
  return STEP_EVENTS.some((name) => name === type);
}

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
  return newEvent(type, subject, EVENT_SCHEMAS[type].parse(data) as EventData<T>, cause);
}

/** As makeEvent, for a type that is not published. */
export function newEvent<D>(type: string, subject: string, data: D, cause: string): SluiceEvent<D> {
  return {
    specversion: '1.0',
    id: deterministicId(type, subject, cause),
    source: SOURCE,
    type,
    subject,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    data,
  };
}

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
