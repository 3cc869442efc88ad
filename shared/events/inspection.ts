import { z } from 'zod';
import { type Inspection, InspectionSchema } from '#shared/contracts/inspection.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { newEvent, type SluiceEvent } from './event.ts';

/**
 * The call by which the gateway lets a function describe an uploaded file. Both events are in CloudEvents format, but
 * are never published: no run exists, and nothing is stored.
 */

export const INSPECTION_REQUESTED = 'sluice.inspection.requested';
const INSPECTION_COMPLETED = 'sluice.inspection.completed';

const RequestSchema = z.object({
  /** An entry of `files` of a manifest. */
  file: z.record(z.string(), z.unknown()),
  /** `metadata.tabular` of a manifest. */
  tabular: z.record(z.string(), z.unknown()).default({}),
});

export function inspectionRequested(path: string, data: z.input<typeof RequestSchema>, cause: string): SluiceEvent {
  return newEvent(INSPECTION_REQUESTED, path, data, cause);
}

export function inspectionCompleted(request: SluiceEvent, data: Inspection): SluiceEvent {
  return newEvent(INSPECTION_COMPLETED, request.subject ?? '', InspectionSchema.parse(data), request.id);
}

/** The data of a request. Throws EVENT_INVALID. */
export function parseInspectionRequest(event: SluiceEvent): z.output<typeof RequestSchema> {
  return parseData(event, INSPECTION_REQUESTED, RequestSchema);
}

/** The data of the answer. Throws EVENT_INVALID. */
export function parseInspection(event: SluiceEvent): Inspection {
  return parseData(event, INSPECTION_COMPLETED, InspectionSchema);
}

function parseData<S extends z.ZodType>(event: SluiceEvent, type: string, schema: S): z.output<S> {
  const result = schema.safeParse(event.data);
  if (event.type === type && result.success) return result.data;
  throw new SluiceError('EVENT_INVALID', `The event ${event.type} is not a valid ${type}.`, {
    details: { type: event.type },
  });
}
