import { z } from 'zod';
import { type Inspection, InspectionSchema } from '#shared/contracts/inspection.ts';
import { type JoinPreview, JoinPreviewSchema } from '#shared/contracts/join-preview.ts';
import { SluiceError } from '#shared/errors/sluice-error.ts';
import { newEvent, type SluiceEvent } from './event.ts';

/**
 * The calls by which the gateway lets a function describe an uploaded file, or preview a join. The events are in
 * CloudEvents format, but are never published: no run exists, and nothing is stored.
 */

export const INSPECTION_REQUESTED = 'sluice.inspection.requested';
const INSPECTION_COMPLETED = 'sluice.inspection.completed';
export const JOIN_PREVIEW_REQUESTED = 'sluice.join-preview.requested';
const JOIN_PREVIEW_COMPLETED = 'sluice.join-preview.completed';

const RequestSchema = z.object({
  /** An entry of `files` of a manifest. */
  file: z.record(z.string(), z.unknown()),
  /** `metadata.tabular` of a manifest. */
  tabular: z.record(z.string(), z.unknown()).default({}),
});

const PreviewRequestSchema = z.object({
  /** `metadata.join_config` of a manifest. */
  join_config: z.record(z.string(), z.unknown()),
});

/** Whether the event requests a description, which is not kept for a caller that disconnected. */
export function isInspection({ type }: SluiceEvent): boolean {
  return type === INSPECTION_REQUESTED || type === JOIN_PREVIEW_REQUESTED;
}

export function inspectionRequested(path: string, data: z.input<typeof RequestSchema>, cause: string): SluiceEvent {
  return newEvent(INSPECTION_REQUESTED, path, data, cause);
}

export function inspectionCompleted(request: SluiceEvent, data: Inspection): SluiceEvent {
  return newEvent(INSPECTION_COMPLETED, request.subject ?? '', InspectionSchema.parse(data), request.id);
}

/** `assets` are the references of both assets. */
export function joinPreviewRequested(
  assets: string,
  data: z.input<typeof PreviewRequestSchema>,
  cause: string,
): SluiceEvent {
  return newEvent(JOIN_PREVIEW_REQUESTED, assets, data, cause);
}

export function joinPreviewCompleted(request: SluiceEvent, data: JoinPreview): SluiceEvent {
  return newEvent(JOIN_PREVIEW_COMPLETED, request.subject ?? '', JoinPreviewSchema.parse(data), request.id);
}

/** The data of a request. Throws EVENT_INVALID. */
export function parseInspectionRequest(event: SluiceEvent): z.output<typeof RequestSchema> {
  return parseData(event, INSPECTION_REQUESTED, RequestSchema);
}

/** The data of the answer. Throws EVENT_INVALID. */
export function parseInspection(event: SluiceEvent): Inspection {
  return parseData(event, INSPECTION_COMPLETED, InspectionSchema);
}

/** The data of a request. Throws EVENT_INVALID. */
export function parseJoinPreviewRequest(event: SluiceEvent): z.output<typeof PreviewRequestSchema> {
  return parseData(event, JOIN_PREVIEW_REQUESTED, PreviewRequestSchema);
}

/** The data of the answer. Throws EVENT_INVALID. */
export function parseJoinPreview(event: SluiceEvent): JoinPreview {
  return parseData(event, JOIN_PREVIEW_COMPLETED, JoinPreviewSchema);
}

function parseData<S extends z.ZodType>(event: SluiceEvent, type: string, schema: S): z.output<S> {
  const result = schema.safeParse(event.data);
  if (event.type === type && result.success) return result.data;
  throw new SluiceError('EVENT_INVALID', `The event ${event.type} is not a valid ${type}.`, {
    details: { type: event.type },
  });
}
