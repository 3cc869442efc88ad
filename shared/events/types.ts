import { z } from 'zod';
import { ERROR_CODES, type ErrorCodeName } from '#shared/errors/codes.ts';

/** The facts of the ingestion chain and the data that each carries (design section 3). `subject` is the run id. */

export const ErrorDocumentSchema = z.object({
  code: z.enum(Object.keys(ERROR_CODES) as [ErrorCodeName, ...ErrorCodeName[]]),
  message: z.string(),
  details: z.record(z.string(), z.unknown()).default({}),
});

const RunRef = z.object({ run_id: z.uuid() });

/** A column of an asset: `name` as in the source, `type` as PostgreSQL's format_type() names it. */
export const ColumnSchema = z.object({ name: z.string(), type: z.string() });

/** One source file as it was read. `sha256` is of the object(s) in the landing zone. */
export const SourceFileSchema = z.object({
  path: z.string(),
  sha256: z.string(),
  size_bytes: z.number().int(),
  format: z.string(),
  layer: z.string().nullable(),
  crs: z.string().nullable(),
  row_count: z.number().int(),
});

/** What a person should know about how the files were read: assumptions, renamed columns, repairs. */
export const NoteSchema = z.object({
  code: z.string(),
  message: z.string(),
  file: z.string().optional(),
  column: z.string().optional(),
});

/** What a join matched. Keys count once, however many rows have them. */
export const JoinResultSchema = z.object({
  /** Rows of the result that have a row of the table. */
  matched_rows: z.number().int(),
  /** How many keys found no partner, and the first of them. */
  unmatched_spatial: z.object({ count: z.number().int(), sample: z.array(z.string()) }),
  unmatched_tabular: z.object({ count: z.number().int(), sample: z.array(z.string()) }),
  /** Rows without a key, which never match. */
  null_keys: z.object({ spatial: z.number().int(), tabular: z.number().int() }).optional(),
});

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
  /** `raw_data` stands in the run's schema, with one geometry column in the CRS named by `srid`. */
  'sluice.table.loaded': RunRef.extend({
    files: z.array(SourceFileSchema),
    srid: z.number().int(),
    row_count: z.number().int(),
    columns: z.array(ColumnSchema),
    notes: z.array(NoteSchema),
  }),
  /** `processed` stands in the run's schema. */
  'sluice.table.ready': RunRef.extend({
    recipe: z.string(),
    parameters: z.record(z.string(), z.unknown()),
    steps: z.array(
      z.object({ step: z.string(), output: z.string(), seconds: z.number(), row_count: z.number().int().nullable() }),
    ),
    crs: z.string(),
    quality: z.object({
      null_geometries: z.number().int(),
      empty_geometries: z.number().int(),
      repaired_geometries: z.number().int(),
    }),
    /** What the recipe or the join did to the data that a person should know. */
    notes: z.array(NoteSchema).optional(),
    /** Ids of the assets that it was made from; only of a join. */
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
export type SourceFile = z.infer<typeof SourceFileSchema>;
export type Column = z.infer<typeof ColumnSchema>;
export type Note = z.infer<typeof NoteSchema>;
export type JoinResult = z.infer<typeof JoinResultSchema>;
