import {
  ColumnSchema,
  ErrorDocumentSchema,
  GeometryCountsSchema,
  JoinResultSchema,
  NoteSchema,
  RejectedRowsSchema,
  SourceFileSchema,
} from '#shared/contracts/facts.ts';
import { z } from 'zod';

/** The event types of the pipeline and the data of each. `subject` is the run_id. */

const RunRef = z.object({ run_id: z.uuid() });

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
    /** Only of CSV files. */
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
  'sluice.run.succeeded': RunRef,
  'sluice.run.failed': RunRef.extend({ error: ErrorDocumentSchema }),
  'sluice.run.canceled': RunRef.extend({ operator: z.string() }),
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
